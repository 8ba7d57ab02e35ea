/// How a task is run. What is `nil` is as the worker's ``CeleryWorker/Options`` say.
public struct TaskOptions: Sendable, Hashable {
    /// Whether the message is acknowledged after the task and not before (`acks_late`).
    public var acksLate: Bool?
    /// Whether the result is not stored (`ignore_result`); a caller's own wish counts more.
    public var ignoreResult: Bool?
    /// Whether the state STARTED is stored (`track_started`).
    public var trackStarted: Bool?
    /// Whether the message of a late-acknowledged task is acknowledged when the task fails (`acks_on_failure`). Else
    /// it is rejected, and goes where the queue's dead letters go.
    public var acksOnFailure: Bool?

    /// Makes options; everything is as the worker has it unless given.
    public init(
        acksLate: Bool? = nil, ignoreResult: Bool? = nil, trackStarted: Bool? = nil, acksOnFailure: Bool? = nil
    ) {
        self.acksLate = acksLate
        self.ignoreResult = ignoreResult
        self.trackStarted = trackStarted
        self.acksOnFailure = acksOnFailure
    }
}
