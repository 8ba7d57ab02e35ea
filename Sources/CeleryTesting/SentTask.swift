public import Celery

/// A task that a handler has sent in a ``Replay``: nobody runs it.
public struct SentTask: Sendable {
    /// The task's name.
    public var name: String { request.task }
    /// The metadata: the id, the times, the parent.
    public let request: TaskRequest
    /// The positional arguments.
    public let arguments: [JSONValue]
    /// The keyword arguments.
    public let keywords: JSONObject
    /// Where the message went.
    public let destination: Destination
    /// The message itself.
    public let message: Message
}
