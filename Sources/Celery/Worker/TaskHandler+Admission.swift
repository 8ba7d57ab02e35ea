package import CeleryProtocol

extension [TaskHandler] {
    /// The handlers by the names of their tasks.
    ///
    /// - Throws: ``CeleryError`` with the code `duplicateTask`.
    package func byName() throws -> [String: TaskHandler] {
        try Dictionary(map { ($0.name, $0) }) { first, _ in
            throw CeleryError(.duplicateTask, "two handlers have the name \(first.name)")
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
        _ = try Successors(payload, of: request)
        return payload
    }
}
