internal import CeleryProtocol
internal import CeleryTransport

/// A message that is to be sent when a task has ended.
struct OutgoingMessage: Sendable {
    /// What it is to the task.
    enum Role: Sendable {
        /// A callback, or the next step of a chain.
        case successor
        /// A task that is told of the failure.
        case errback
        /// The next try.
        case retry
    }

    let role: Role
    let message: Message
    let destination: Destination
    /// What the task's result says of it among its children once it is sent; `nil` for nothing.
    var child: JSONValue?

    init(_ role: Role, _ outgoing: (message: Message, destination: Destination), child: JSONValue? = nil) {
        self.role = role
        message = outgoing.message
        destination = outgoing.destination
        self.child = child
    }

    /// A task as Celery's tuple of results.
    static func child(_ id: String) -> JSONValue { [[.string(id), nil], nil] }

    /// A group of tasks as Celery's tuple of results.
    static func child(group: String, of ids: [String]) -> JSONValue {
        [[.string(group), nil], .array(ids.map { child($0) })]
    }
}
