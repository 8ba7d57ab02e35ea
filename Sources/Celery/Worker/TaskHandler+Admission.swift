package import CeleryProtocol

extension [TaskHandler] {
    /// The handlers, and those of the tasks that every worker has, by the names of their tasks.
    ///
    /// - Throws: ``CeleryError`` with the code `duplicateTask`.
    package func byName() throws -> [String: TaskHandler] {
        try Dictionary((BuiltInTasks.handlers + self).map { ($0.name, $0) }) { first, _ in
            throw CeleryError(
                .duplicateTask,
                BuiltInTasks.names.contains(first.name)
                    ? "\(first.name) is a task that every worker has, and cannot have another handler"
                    : "two handlers have the name \(first.name)")
        }
    }
}

extension TaskHandler {
    /// Reads what a worker reads before it runs the handler.
    ///
    /// - Throws: why a worker refuses the message: its body is no task's, or something is to follow the task that this
    ///   package cannot send.
    package func payload(of message: Message, _ request: TaskRequest) throws(MessageError) -> TaskPayload {
        let payload = try TaskPayload(message)
        if payload.hasSequel { _ = try CanvasSuccession(payload) }
        return payload
    }
}
