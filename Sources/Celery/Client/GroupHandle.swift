public import CeleryProtocol
internal import CeleryTransport

/// Tasks that were sent together: their states and results, one by one and as a whole. Celery's `GroupResult`.
public struct GroupHandle<Element: Sendable>: Sendable {
    /// The group's id. After ``save()`` a handle can be made again from it; see ``CeleryClient/group(id:)``.
    public let id: String
    /// The tasks in order; of a group that holds others, theirs as well.
    public let tasks: [TaskHandle<Element>]
    /// What stands in the group, where that is not just the tasks, and how that is read.
    private let nested: (members: [ResultTree], decode: @Sendable (JSONValue) throws -> Element)?
    private let backend: (any ResultStore)?

    /// A group of tasks.
    init(id: String, tasks: [TaskHandle<Element>], results: (any ResultStore)?) {
        self.id = id
        self.tasks = tasks
        backend = results
        nested = nil
    }

    /// A group as it was kept.
    init(
        _ tree: ResultTree, results: (any ResultStore)?,
        decodeElement: @escaping @Sendable (JSONValue) throws -> Element
    ) {
        id = tree.id
        backend = results
        tasks = tree.leaves.map { TaskHandle(id: $0, results: results, decodeOutput: decodeElement) }
        let isNested = tree.members?.contains { $0.members != nil || !$0.ancestors.isEmpty } ?? false
        nested = isNested ? tree.members.map { ($0, decodeElement) } : nil
    }

    /// Which tasks and groups there are, and what they come of.
    public var tree: ResultTree {
        ResultTree(group: id, members: nested?.members ?? tasks.map { ResultTree(task: $0.id) })
    }

    /// Waits for all tasks to end and returns what they returned, in order; of a group within the group a list.
    ///
    /// There is one subscription for all of them. A result backend that is out of reach is tried again, until the timeout
    /// or until the caller is cancelled.
    ///
    /// - Parameter timeout: how long to wait; `nil` for as long as it takes.
    /// - Throws: `TaskFailure` as soon as one task has failed, was revoked or had expired; else as
    ///   ``TaskHandle/value(timeout:)``.
    public func values(timeout: Duration? = nil) async throws -> [Element] {
        var values = [JSONValue](repeating: .null, count: tasks.count)
        try await waitForEnds(timeout: timeout) { position, result in
            if let failure = result.failure { throw failure }
            values[position] = result.result
        }
        guard let nested else {
            return try zip(tasks, values).map { task, value in try task.decode(value, task.decodeOutput) }
        }
        var rest = values[...]
        return try nested.members.map { try nested.decode($0.values { _ in rest.popFirst() ?? .null }) }
    }

    /// The tasks as they end, those first that have ended already. One that fails ends nothing.
    ///
    /// - Parameter timeout: how long to wait; `nil` for as long as it takes.
    /// - Returns: a sequence that ends after the last task, or with an error, as ``values(timeout:)`` has them.
    public func results(timeout: Duration? = nil) -> AsyncThrowingStream<GroupMember<Element>, any Error> {
        stream(.unbounded) { yield in
            try await waitForEnds(timeout: timeout) { yield(GroupMember(position: $0, task: tasks[$0], result: $1)) }
        }
    }

    /// How many tasks have ended, at first and whenever that changes; who asks seldom gets the latest only.
    ///
    /// - Parameter timeout: how long to wait; `nil` for as long as it takes.
    /// - Returns: a sequence that ends when all tasks have, or with an error, as ``values(timeout:)`` has them.
    public func progress(timeout: Duration? = nil) -> AsyncThrowingStream<GroupProgress, any Error> {
        stream(.bufferingNewest(1)) { yield in
            var progress = GroupProgress(total: tasks.count)
            yield(progress)
            try await waitForEnds(timeout: timeout) { _, result in
                if result.state == .success { progress.succeeded += 1 } else { progress.failed += 1 }
                yield(progress)
            }
        }
    }

    /// How many tasks are in which state now; those of which the backend knows nothing are PENDING.
    public func states() async throws -> [TaskState: Int] {
        let store = try store
        let open = tasks.filter { $0.ended == nil }
        let found = try await store.results(of: open.map(\.id))
        var states: [TaskState: Int] = [:]
        for task in tasks { states[task.ended?.state ?? found[task.id]?.state ?? .pending, default: 0] += 1 }
        return states
    }

    /// Keeps which tasks the group has (`GroupResult.save`), for as long as results, so that another process can make a
    /// handle from its id, in Swift or in Python.
    ///
    /// - Throws: `TransportError`, `unsupported` when the result backend keeps no groups.
    public func save() async throws { try await store.saveGroup(tree) }

    /// Removes the results of all tasks from the backend, and which tasks the group has.
    public func forget() async throws {
        let store = try store
        try await store.forget(contentsOf: tasks.map(\.id))
        for task in tasks { task.disown() }
        do {
            try await store.forgetGroup(id)
        } catch let error as TransportError where error.code == .unsupported {
            // It was never kept.
        }
    }

    var store: any ResultStore {
        get throws {
            guard let backend else {
                throw CeleryError(.noResultBackend, "the client was made without a result backend")
            }
            return backend
        }
    }

    /// What `body` yields, until it returns or throws; cancelled when nobody reads any more.
    private func stream<Item: Sendable>(
        _ policy: AsyncThrowingStream<Item, any Error>.Continuation.BufferingPolicy,
        _ body: @escaping @Sendable (_ yield: (Item) -> Void) async throws -> Void
    ) -> AsyncThrowingStream<Item, any Error> {
        let (stream, continuation) = AsyncThrowingStream<Item, any Error>.makeStream(bufferingPolicy: policy)
        // On its own, because it goes on between the reads.
        let task = Task {
            do {
                try await body { continuation.yield($0) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}

extension GroupHandle: CustomStringConvertible {
    /// `group`, its id, and the ids of its tasks.
    public var description: String { "group \(id) [\(tasks.map(\.id).joined(separator: ", "))]" }
}
