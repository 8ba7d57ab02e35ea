internal import CeleryProtocol
internal import CeleryTransport

extension TaskContext {
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
        for id in header.flatMap(\.leaves) {
            guard let result = try await store.result(of: id), result.state.isReady else {
                guard let maxRetries, request.retries >= maxRetries else { throw Retry(after: pause) }
                let error = TaskFailure(
                    type: "ChordError", module: "celery.exceptions",
                    message: "chord_unlock could not be retried: task \(id) has not ended")
                return record.unlock(report, .unended(error))
            }
            ends[id] = result
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

/// What `celery.chord_unlock` has found of a chord.
struct UnlockedChord: Sendable {
    enum Header: Sendable {
        /// All tasks have ended.
        case ended(ChordResults)
        /// Some have not, and it is not looked again: the body fails with this error.
        case unended(TaskFailure)
    }

    let report: ChordReport
    let header: Header
}
