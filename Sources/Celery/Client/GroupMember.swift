public import CeleryProtocol

/// A task of a group that has ended.
public struct GroupMember<Element: Sendable>: Sendable {
    /// Its place among the group's ``GroupHandle/tasks``.
    public let position: Int
    /// The task.
    public let task: TaskHandle<Element>
    /// All that the result backend knows of it.
    public let result: TaskResult

    /// What the task returned.
    ///
    /// - Throws: `TaskFailure` when it has failed, was revoked or had expired; ``CeleryError`` with the code
    ///   `undecodableResult`.
    public func value() throws -> Element {
        if let failure = result.failure { throw failure }
        return try task.decode(result.result, task.decodeOutput)
    }
}
