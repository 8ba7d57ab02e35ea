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
