/// Where a task's sender wants its replies.
public struct ReplyRoute: Sendable, Hashable {
    /// The queue; `nil` when the sender named none.
    public var replyTo: String?
    /// What a reply refers to.
    public var correlationID: String

    /// Makes a route.
    public init(replyTo: String?, correlationID: String) {
        self.replyTo = replyTo
        self.correlationID = correlationID
    }
}
