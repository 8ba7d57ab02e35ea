public import CeleryProtocol
internal import CeleryTransport

/// A task or a group of which another task's result tells.
public enum ResultHandle: Sendable {
    /// A task.
    case task(TaskHandle<JSONValue>)
    /// A group.
    case group(GroupHandle<JSONValue>)

    /// The id of the task or group.
    public var id: String {
        switch self {
        case .task(let task): task.id
        case .group(let group): group.id
        }
    }

    init(_ tree: ResultTree, results: (any ResultStore)?) {
        if tree.members == nil {
            self = .task(TaskHandle(id: tree.id, results: results, decodeOutput: { $0 }))
        } else {
            self = .group(GroupHandle(tree, results: results, decodeElement: { $0 }))
        }
    }
}

extension ResultHandle: CustomStringConvertible {
    /// What it is, and its id.
    public var description: String {
        switch self {
        case .task(let task): task.description
        case .group(let group): group.description
        }
    }
}

extension TaskHandle {
    /// The tasks and groups that this task has sent, as far as its result tells: callbacks, the next step of a chain,
    /// what its code has sent. A task that is tried again is among its own children.
    ///
    /// - Throws: as ``result()``.
    public func children() async throws -> [ResultHandle] {
        guard let tuples = try await result()?.children.arrayValue else { return [] }
        do {
            return try tuples.map { ResultHandle(try ResultTree($0), results: results) }
        } catch let error as MessageError {
            throw unreadable(error)
        }
    }

    /// The task that has sent this one; `nil` when its result tells of none.
    ///
    /// - Throws: as ``result()``.
    public func parent() async throws -> TaskHandle<JSONValue>? {
        try await result()?.parentID.map { TaskHandle<JSONValue>(id: $0, results: results, decodeOutput: { $0 }) }
    }
}
