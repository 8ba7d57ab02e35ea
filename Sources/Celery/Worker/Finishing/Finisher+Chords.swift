internal import CeleryProtocol
internal import CeleryTransport

/// What is done for a task that belongs to a chord: its part is counted, and the last one sees to the body.
///
/// The task's message is acknowledged only after that, if it is acknowledged late: when this worker dies meanwhile the
/// message comes again, and with it the right to send the body.
extension Finisher {
    /// So long after the last sign of life of whoever has the right to send a body another worker may take it.
    private static let claimLimit = Duration.seconds(6)

    /// Counts a part of a chord, and plans what is to be done if that completes it.
    ///
    /// - Returns: `false` when the task is to run again.
    func carryOut(_ report: ChordReport, _ item: inout Item) async -> Bool {
        guard let writer else { return true }
        let first = item.progress
        item.progress = nil
        switch await progress(of: report, writer, first: first) {
        case .success(let claim?):
            // Read again and again while that is possible: the task's message is held meanwhile.
            return await complete(report, claim, writer, &item)
        case .success(nil): return true
        case .failure(let error):
            if item.plan.runsAgainUnlessStored, RetryBudget.mayPass(error) { return false }
            log.add(FinishingProblem(kind: .chordPart, error: error), to: &item.reporting)
            return RetryBudget.mayPass(error) ? true : await fail(report, error, writer, &item)
        }
    }

    /// Plans the failure of a chord one of whose parts the backend will never count: it would wait for ever. Of all whose
    /// parts are refused one sees to it.
    ///
    /// - Returns: `false` when the task is to run again.
    private func fail(
        _ report: ChordReport, _ reason: any Error, _ writer: ResultWriter, _ item: inout Item
    ) async -> Bool {
        guard report.body != nil, let task = item.plan.task else { return true }
        let claim = ChordClaim(group: report.part.group, token: RandomID.make(), isRepeated: false)
        return await tryAgain(.chord, writer, &item) { item in
            guard try await writer.take(claim, for: Self.claimLimit) else { return }
            item.keeper = writer.keeper(of: claim, for: Self.claimLimit)
            insert(planner.steps(unjoined: report, claim, reason, by: task), into: &item)
        }
    }

    /// Counts a part of a chord however long it takes; the claim if it has completed the chord.
    ///
    /// Whoever has a claim may die over it: then the part that was counted before gets it, once it has expired.
    ///
    /// - Parameter first: what has come of the first try, if there was one.
    private func progress(
        of report: ChordReport, _ writer: ResultWriter, first: Result<ChordProgress, any Error>?
    ) async -> Result<ChordClaim?, any Error> {
        var first = first
        var tries = RetryBudget.Tries()
        var wait = ClaimWait()
        while true {
            let progress: Result<ChordProgress, any Error>
            if let known = first {
                progress = known
                first = nil
            } else {
                progress = await writer.record([report.part]).first ?? .success(.waiting)
            }
            switch progress {
            case .success(.waiting), .success(.alreadyEnded): return .success(nil)
            case .success(.complete(let claim)): return .success(claim)
            case .success(.claimed(let remaining)):
                let error = TransportError(.unavailable, "another worker was to send the chord's body, and has not")
                guard let pause = wait.next(remaining), await writer.budget.wait(pause) else { return .failure(error) }
            case .failure(let error):
                guard RetryBudget.mayPass(error), await writer.budget.pause(&tries) else { return .failure(error) }
            }
        }
    }

    /// Plans what is to be done for a chord that is complete.
    private func complete(
        _ report: ChordReport, _ claim: ChordClaim, _ writer: ResultWriter, _ item: inout Item
    ) async -> Bool {
        guard let task = item.plan.task else { return true }
        return await tryAgain(.chord, writer, &item) { item in
            guard let results = try await writer.results(of: claim, report, keeping: Self.claimLimit) else { return }
            item.keeper = writer.keeper(of: claim, for: Self.claimLimit)
            insert(planner.steps(completing: report, claim, results, by: task), into: &item)
        } otherwise: { error, item in
            insert(planner.steps(unjoined: report, claim, error, by: task), into: &item)
        }
    }

    /// Does something for a chord, again and again while that may help.
    ///
    /// - Parameters:
    ///   - kind: what the log says where nothing helps.
    ///   - otherwise: what is done then.
    /// - Returns: `false` when the task is to run again.
    private func tryAgain(
        _ kind: FinishingProblem.Kind, _ writer: ResultWriter, _ item: inout Item,
        _ body: (inout Item) async throws -> Void, otherwise: (any Error, inout Item) -> Void = { _, _ in }
    ) async -> Bool {
        var tries = RetryBudget.Tries()
        while true {
            do {
                try await body(&item)
                return true
            } catch {
                if RetryBudget.mayPass(error) {
                    if await writer.budget.pause(&tries) { continue }
                    if item.plan.runsAgainUnlessStored { return false }
                }
                log.add(FinishingProblem(kind: kind, error: error), to: &item.reporting)
                otherwise(error, &item)
                return true
            }
        }
    }

    private func insert(_ steps: FinishingPlanner.ChordSteps, into item: inout Item) {
        item.plan.insert(steps.steps)
        if let problem = steps.problem { log.add(problem, to: &item.reporting) }
    }

    /// Says that a chord is seen to.
    ///
    /// - Returns: `false` when the task is to run again, and says it then.
    func end(_ ending: ChordEnding, _ item: inout Item) async -> Bool {
        guard let writer else { return true }
        return await tryAgain(.chordPart, writer, &item) { item in
            try await writer.end(ending)
            item.keeper = nil
        }
    }
}
