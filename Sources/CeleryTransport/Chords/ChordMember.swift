public import CeleryProtocol

/// What has become of a task of a chord's header.
public struct ChordMember: Sendable, Hashable {
    /// The id of the task.
    public var id: String
    /// How it has ended.
    public var state: TaskState
    /// The value, or the exception as an object.
    public var result: JSONValue

    /// Makes a member.
    public init(id: String, state: TaskState, result: JSONValue) {
        self.id = id
        self.state = state
        self.result = result
    }

    /// The exception, when the task has failed or was revoked.
    public var failure: TaskFailure? {
        state == .failure || state == .revoked ? TaskFailure(json: result, traceback: nil) : nil
    }
}
