package import CeleryProtocol

extension ChordResults {
    /// What the parts of a chord come to, in their order.
    package init(_ members: [ChordMember]) {
        if let failed = members.first(where: { $0.failure != nil }) {
            self = .failed(failed, isNested: false)
        } else {
            self = .values(members.map(\.result))
        }
    }

    /// What the parts of a chord come to, with lists within for the groups of a header's tree.
    ///
    /// - Parameters:
    ///   - store: where results are looked up of tasks that are not among the parts.
    ///   - timeout: for how long these are waited for.
    package init(
        _ members: [ChordMember], along tree: ResultTree, in store: some ResultStore, waitingFor timeout: Duration
    ) async throws {
        var known = Dictionary(members.map { ($0.id, $0) }) { first, _ in first }
        let deadline = ContinuousClock.now + timeout
        for id in tree.leaves where known[id] == nil {
            known[id] = try await store.end(of: id, until: deadline)
        }
        if let failed = tree.leaves.lazy.compactMap({ known[$0] }).first(where: { $0.failure != nil }) {
            self = .failed(failed, isNested: true)
        } else {
            self = .values((tree.members ?? []).map { $0.values { known[$0]?.result ?? .null } })
        }
    }
}

extension ResultStore {
    /// The end of a task; a `TimeoutError` when it has not come in time.
    fileprivate func end(of id: String, until deadline: ContinuousClock.Instant) async throws -> ChordMember {
        let waiter = Waiter<TaskResult?>()
        let watcher = ResultWatcher { update in
            if case .success(let result) = update, !result.state.isReady { return }
            waiter.settle(update.map(Optional.some))
        }
        defer { watcher.end() }
        let end = try await waiter.value(until: deadline) { try await watch(id, watcher) }
        if let end { return ChordMember(id: id, state: end.state, result: end.result) }
        let failure = TaskFailure(
            type: "TimeoutError", module: "celery.exceptions", message: "The operation timed out.")
        return ChordMember(id: id, state: .failure, result: failure.json)
    }
}
