internal import CeleryProtocol

/// What the log calls a task.
struct TaskLabel: Sendable {
    /// The task's id; `nil` if the message could not be read so far.
    let id: String?
    /// The task's name, likewise.
    let name: String?
}

extension TaskLabel {
    init(_ request: TaskRequest) {
        self.init(id: request.id, name: request.task)
    }
}
