/// Thrown by a handler to have its task tried again; Celery's `self.retry()`.
public struct Retry: Error, Sendable {
    /// How long to wait before the next try; `nil` leaves it to the handler's ``RetryPolicy``.
    public var countdown: Duration?
    /// What went wrong; stored with the state RETRY, and as the failure when there are no tries left.
    public var reason: (any Error)?

    /// Asks for another try.
    public init(after countdown: Duration? = nil, because reason: (any Error)? = nil) {
        self.countdown = countdown
        self.reason = reason
    }
}
