/// Why a running task is cancelled, for a handler that wants to know: ``TaskContext/cancellationReason``. More reasons may be
/// added: have a default.
public enum CancellationReason: Sendable, Hashable {
    /// It has run for as long as its soft time limit says. What the handler does now is still its own affair: what it
    /// returns is the task's result, and a `CancellationError` is stored as Python's `SoftTimeLimitExceeded`.
    case softTimeLimit(Duration)
    /// It has run for as long as its hard time limit says, and has failed with `TimeLimitExceeded`, whatever the handler does.
    case hardTimeLimit(Duration)
    /// It was revoked with `terminate`, and its state is REVOKED, whatever the handler does.
    case terminated
    /// The worker ends, and does not wait for it.
    case shutdown
}
