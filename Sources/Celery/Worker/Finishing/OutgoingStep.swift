internal import CeleryProtocol
internal import CeleryTransport

/// Something that is to be sent when a task has ended, or to be done so that it can be sent.
struct OutgoingStep: Sendable {
    /// What it is to the task.
    enum Role: Sendable {
        /// It is, or belongs to, a callback or the next step of a chain.
        case successor
        /// It is, or belongs to, the body of the chord that the task has completed.
        case chordBody
        /// It is, or belongs to, what takes the task's place.
        case replacement
        /// A task that is told of the failure.
        case errback
        /// The next try.
        case retry
    }

    let role: Role
    let step: CanvasStep
    /// What the task's result says of it among its children once it is done.
    var children: [JSONValue] = []

    init(_ role: Role, _ step: CanvasStep) {
        self.role = role
        self.step = step
    }

    init(_ role: Role, _ outgoing: (message: Message, destination: Destination)) {
        self.init(role, .message(outgoing.message, outgoing.destination))
    }

    /// The id of the group that its message belongs to; `nil` for none.
    var group: String? { step.group }

    /// A task as Celery's tuple of results.
    static func child(_ id: String) -> JSONValue { [[.string(id), nil], nil] }

    /// The tuple of a result; without those before it, where there are more than anybody could read.
    static func child(_ tree: ResultTree) -> JSONValue {
        do {
            return try tree.json
        } catch {
            return child(tree.id)
        }
    }
}
