public import Celery

extension Fixture {
    /// The task's name; `nil` when the message cannot be read as a task.
    public var task: String? {
        do {
            return try request().task
        } catch {
            return nil
        }
    }

    /// The task's metadata.
    ///
    /// - Throws: `MessageError` when the message cannot be read as a task.
    public func request() throws -> TaskRequest { try TaskRequest(message.get()) }

    /// The task's arguments.
    ///
    /// - Throws: `MessageError` when the message's body cannot be read.
    public func payload() throws -> TaskPayload { try TaskPayload(message.get()) }
}
