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

/// Thrown by a handler to end its task without a result; Celery's `Ignore`.
public struct Ignore: Error, Sendable {
    /// Ends the task without a result.
    public init() {}
}

/// Thrown by a handler to refuse its message; Celery's `Reject`. Only with late acknowledgement is there a message
/// left to refuse.
public struct Reject: Error, Sendable {
    /// Whether the message goes back to its queue; else it is dropped or dead-lettered.
    public var requeue: Bool
    /// Why, for the log and for the result.
    public var reason: String?

    /// Refuses the message.
    public init(requeue: Bool = false, reason: String? = nil) {
        self.requeue = requeue
        self.reason = reason
    }
}
