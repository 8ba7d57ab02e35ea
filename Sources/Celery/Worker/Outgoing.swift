internal import CeleryProtocol
internal import CeleryTransport

/// A message that is to be sent when a task has ended.
struct Outgoing: Sendable {
    let message: Message
    let destination: Destination
    /// What the task's result says of it among its children once it is sent; `nil` for nothing.
    var child: JSONValue?

    init(_ outgoing: (message: Message, destination: Destination), child: JSONValue? = nil) {
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
