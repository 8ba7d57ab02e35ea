public import CeleryProtocol
public import CeleryTransport

/// A task that is about to be sent, as ``CeleryMiddleware`` sees it.
public struct OutgoingTask: Sendable {
    /// Why it is sent.
    public enum Purpose: Sendable, Hashable {
        /// A client has enqueued it.
        case call
        /// A handler has enqueued it.
        case child
        /// It follows a task that has succeeded: a callback, or the next step of a chain.
        case successor
        /// It is the body of a chord whose last task has ended.
        case chordBody
        /// It takes the place of a task, whose id it has.
        case replacement
        /// It is told of a task's failure.
        case errback
        /// It is the next try of a task.
        case retry
    }

    /// The task's name.
    public let task: String
    /// The task's id.
    public let id: String
    /// Why it is sent.
    public let purpose: Purpose
    /// The task that it comes of; `nil` in a client.
    public let parent: TaskRequest?
    /// The message. The id in it must stay as it is.
    public var message: Message
    /// Where it goes.
    public var destination: Destination

    /// The headers of the message: Celery's own, and beside them those of the caller.
    public var headers: JSONObject {
        get { message.headers }
        _modify { yield &message.headers }
    }

    /// A call, or a child of the task that sends it.
    init(_ message: Message, to destination: Destination, parent: TaskRequest?) {
        self.init(message, to: destination, purpose: parent == nil ? .call : .child, parent: parent)
    }

    init(_ message: Message, to destination: Destination, purpose: Purpose, parent: TaskRequest?) {
        task = message.headers["task"]?.stringValue ?? ""
        id = message.headers["id"]?.stringValue ?? ""
        self.purpose = purpose
        self.parent = parent
        self.message = message
        self.destination = destination
    }
}
