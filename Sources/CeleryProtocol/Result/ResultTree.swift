/// What a canvas's results are and how they hang together: Celery's `as_tuple()` of an `AsyncResult` or a `GroupResult`,
/// as it stands in a result's `children` and in a saved group.
///
/// The parents are kept as a list, so that a chain of any length is as flat as it looks.
public struct ResultTree: Sendable, Hashable {
    /// The task's id, or the group's.
    public var id: String
    /// A group's results in order; `nil` for a task's.
    public var members: [ResultTree]?
    /// The result before this one, the one before that and so on up to the first; none of them has ancestors of its own.
    public var ancestors: [ResultTree]

    /// The result of a task.
    public init(task id: String, ancestors: [ResultTree] = []) {
        self.id = id
        self.ancestors = ancestors
    }

    /// The results of a group.
    public init(group id: String, members: [ResultTree], ancestors: [ResultTree] = []) {
        self.id = id
        self.members = members
        self.ancestors = ancestors
    }

    /// The ids of the tasks, in order.
    package var leaves: [String] { members?.flatMap(\.leaves) ?? [id] }

    /// What the tasks have come to, in lists as the groups are.
    ///
    /// - Parameter value: the value of the task with this id; called in the order of ``leaves``.
    package func values(_ value: (String) -> JSONValue) -> JSONValue {
        guard let members else { return value(id) }
        return .array(members.map { $0.values(value) })
    }

    /// The result before this one, with those before it.
    public var parent: ResultTree? {
        guard var parent = ancestors.first else { return nil }
        parent.ancestors = Array(ancestors.dropFirst())
        return parent
    }
}
