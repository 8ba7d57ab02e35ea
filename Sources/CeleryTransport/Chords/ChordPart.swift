public import CeleryProtocol

/// How a task of a chord's header has ended, to be counted by a ``ResultStore``.
public struct ChordPart: Sendable, Hashable {
    /// The id of the header's group.
    public var group: String
    /// The id of the task.
    public var id: String
    /// The task's place in the header (`group_index`); parts without one come last.
    public var index: Int?
    /// SUCCESS, FAILURE or REVOKED; a task that is going to be tried again has not ended.
    public var state: TaskState
    /// What stands under `result` in the task's stored result: the value, or the exception as an object.
    public var result: JSONValue

    /// Makes a part.
    public init(group: String, id: String, index: Int?, state: TaskState, result: JSONValue) {
        self.group = group
        self.id = id
        self.index = index
        self.state = state
        self.result = result
    }
}
