internal import CeleryProtocol
internal import CeleryTransport

extension TaskContext {
    /// So many results are asked for in one go.
    private static let resultsAtOnce = 500

    /// Looks whether all tasks of a chord's header have ended. If so, what is to become of the chord is left to what
    /// follows this task.
    ///
    /// - Parameters:
    ///   - body: the chord's body.
    ///   - header: the results of the header.
    ///   - pause: how long to wait before looking again; `nil` for a second.
    ///   - maxRetries: how often to look again; `nil` for as long as it takes.
    /// - Throws: ``Retry`` when not all have ended.
    func unlockChord(
        _ group: String, _ body: JSONValue, _ header: [ResultTree], pause: Duration?, maxRetries: Int?
    ) async throws {
        let store = try environment.resultsOfChords
        let part = ChordPart(group: group, id: request.id, index: nil, state: .success, result: .null)
        let report = ChordReport(part: part, body: body)
        var ends: [String: TaskResult] = [:]
        let ids = header.flatMap(\.leaves)
        for start in stride(from: 0, to: ids.count, by: Self.resultsAtOnce) {
            let some = Array(ids[start..<min(start + Self.resultsAtOnce, ids.count)])
            let results = try await store.results(of: some)
            for id in some {
                guard let result = results[id], result.state.isReady else {
                    guard let maxRetries, request.retries >= maxRetries else { throw Retry(after: pause) }
                    let error = TaskFailure(
                        type: "ChordError", module: "celery.exceptions",
                        message: "chord_unlock could not be retried: task \(id) has not ended")
                    return record.unlock(report, .unended(error))
                }
                ends[id] = result
            }
        }
        let failed = header.lazy.flatMap(\.leaves).compactMap { ends[$0] }.first { $0.failure != nil }
        if let failed {
            let member = ChordMember(id: failed.id, state: failed.state, result: failed.result)
            record.unlock(report, .ended(.failed(member, isNested: false)))
        } else {
            record.unlock(report, .ended(.values(header.map { $0.values { ends[$0]?.result ?? .null } })))
        }
    }
}

/// What `celery.chord_unlock` has found of a chord. An object, as hardly any task has one, and all keep room for it.
final class UnlockedChord: Sendable {
    enum Header: Sendable {
        /// All tasks have ended.
        case ended(ChordResults)
        /// Some have not, and it is not looked again: the body fails with this error.
        case unended(TaskFailure)
    }

    let report: ChordReport
    let header: Header

    init(report: ChordReport, header: Header) {
        self.report = report
        self.header = header
    }
}
