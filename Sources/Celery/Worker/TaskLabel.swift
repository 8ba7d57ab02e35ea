internal import CeleryProtocol

/// What the log calls a task.
struct TaskLabel: Sendable {
    /// The task's id; `nil` if the message could not be read so far.
    let id: String?
    /// The task's name, likewise.
    let name: String?

    /// What a line about it begins with, as in Celery's log: `Task images.resize[9c5e…]`.
    var subject: String {
        switch (name, id) {
        case (let name?, let id?): "Task \(name)[\(id)]"
        case (let name?, nil): "Task \(name)"
        case (nil, let id?): "Task [\(id)]"
        case (nil, nil): "Message"
        }
    }
}

extension TaskLabel {
    init(_ request: TaskRequest) {
        self.init(id: request.id, name: request.task)
    }

    /// The task of a message that is sent.
    init(_ message: Message) {
        self.init(id: message.headers["id"]?.stringValue, name: message.headers["task"]?.stringValue)
    }

    /// As it is shown: neither of the two breaks a line or makes it long.
    func shown(idLimit: Int = LogText.nameLimit, nameLimit: Int = LogText.nameLimit) -> TaskLabel {
        TaskLabel(
            id: id.map { LogText($0, limit: idLimit).description },
            name: name.map { LogText($0, limit: nameLimit).description })
    }
}
