internal import CeleryProtocol
internal import CeleryTransport

/// What follows from the end of a task that belongs to a chord.
extension FinishingPlanner {
    /// What is to be done for a chord, and what could not be planned of it, for the log.
    typealias ChordSteps = (steps: [FinishingStep], problem: FinishingProblem?)

    // MARK: Parts

    /// The part of its chord that a task has come to; `nil` when it belongs to none, or when parts are not counted. Of a
    /// task in a group whose message could not be read nobody knows whether that is a chord's header: it is counted, and then
    /// the chord fails with the next part that knows the body.
    func report(of finished: FinishedTask, _ state: TaskState, _ result: JSONValue) -> ChordReport? {
        let body = finished.payload?.chord
        if body == nil, finished.payload != nil { return nil }
        let request = finished.task.request
        guard chords == .counted, finished.rules.hasBackend, let group = request.group, !group.isEmpty else {
            return nil
        }
        return ChordReport(
            part: ChordPart(group: group, id: request.id, index: request.groupIndex, state: state, result: result),
            body: body)
    }

    /// The parts of chords that tasks which will never run have come to.
    func reports(
        of abandoned: [AbandonedTask], _ state: TaskState, _ failure: TaskFailure, _ rules: TaskRules
    ) -> [FinishingStep] {
        guard chords == .counted, rules.hasBackend else { return [] }
        return abandoned.compactMap { task in
            guard let body = task.chord, let group = task.group, !group.isEmpty else { return nil }
            return .report(
                ChordReport(
                    part: ChordPart(
                        group: group, id: task.id, index: task.groupIndex, state: state, result: failure.json),
                    body: body))
        }
    }

    private static var unknownBody: FinishingProblem {
        FinishingProblem(
            kind: .chord, error: MessageError(.undecodable, "the message does not tell what the chord's body is"))
    }

    // MARK: Complete chords

    /// What is to be done when a part has completed its chord, and this worker is to see to it.
    ///
    /// - Parameters:
    ///   - claim: the right to do so; `nil` where none is needed.
    ///   - finished: the task whose end has completed it.
    func steps(
        completing report: ChordReport, _ claim: ChordClaim?, _ results: ChordResults, by finished: FinishedTask
    ) -> ChordSteps {
        switch results {
        case .values(let values):
            do {
                guard let body = report.body else { return ([], Self.unknownBody) }
                var expansion = try CanvasSuccession.expanded(
                    chordBody: body, results: values, in: publisher.context(of: finished.task.request))
                if let claim { expansion = expansion.marked(as: claim) }
                let steps = try steps(expansion, as: .chordBody)
                return (steps + report.end(claim, hasFailed: false), nil)
            } catch {
                var (steps, problem) = self.steps(failing: report, claim, error, by: finished)
                problem = problem ?? FinishingProblem(kind: .chord, error: error)
                return (steps, problem)
            }
        case .failed(let member, let isNested):
            let error = results.error ?? ChordReport.error("")
            let failure = isNested ? error : member.failure ?? error
            let (steps, problem) = steps(failing: report, claim, error, failure, by: finished)
            return (steps + report.end(claim, hasFailed: true), problem)
        }
    }

    /// What is to be done when a chord's body cannot be sent.
    func steps(
        failing report: ChordReport, _ claim: ChordClaim?, _ reason: any Error, by finished: FinishedTask
    ) -> ChordSteps {
        let failure = TaskFailure(reason, request: finished.task.request)
        let error = ChordReport.error("Callback error: \(failure.repr)")
        let (steps, problem) = steps(failing: report, claim, error, error, by: finished)
        return (steps + report.end(claim, hasFailed: false), problem)
    }

    /// What is to be done when a chord's results cannot be had.
    func steps(
        unjoined report: ChordReport, _ claim: ChordClaim?, _ reason: any Error, by finished: FinishedTask
    ) -> ChordSteps {
        let failure = TaskFailure(reason, request: finished.task.request)
        let error = ChordReport.error("Join error: \(failure.repr)")
        let (steps, problem) = steps(failing: report, claim, error, error, by: finished)
        return (steps + report.end(claim, hasFailed: true), problem)
    }

    /// What is to be done for a chord that `celery.chord_unlock` has looked after.
    func steps(
        unlocking unlocked: UnlockedChord, by finished: FinishedTask
    ) -> ChordSteps {
        switch unlocked.header {
        case .ended(let results): steps(completing: unlocked.report, nil, results, by: finished)
        case .unended(let error): steps(failing: unlocked.report, nil, error, error, by: finished)
        }
    }

    // MARK: Failed chords

    /// What is to be done because a chord's body will never run: its errbacks are told, it and all that was to follow it
    /// fail.
    ///
    /// - Parameters:
    ///   - claim: the right to see to it; `nil` where none is needed.
    ///   - error: the `ChordError`.
    ///   - cause: the failure of the header's task, with which the tasks of a group fail that was to be the body.
    func steps(
        failing report: ChordReport, _ claim: ChordClaim?, _ error: TaskFailure, _ cause: TaskFailure,
        by finished: FinishedTask
    ) -> ChordSteps {
        guard let body = report.body else { return ([], Self.unknownBody) }
        let signature = body.objectValue ?? [:]
        let request = finished.task.request
        let (error, cause) = (
            error.traced(to: request, chord: report.part.group), cause.traced(to: request, chord: report.part.group)
        )
        var failing = FailingBody(planner: self, request: request, rules: finished.rules, claim: claim)
        failing.children = finished.children
        let options = signature["options"]?.objectValue ?? [:]
        if let tasks = signature.tasksOfGroup {
            let own = options.signatures("link_error")
            for task in tasks {
                failing.fail(task, cause, errbacks: (task.objectValue?.errbacksOfResult ?? []) + own)
            }
            if let id = options["task_id"]?.text { failing.store(id, cause) }
        } else {
            failing.fail(body, error, errbacks: signature.errbacksOfResult)
        }
        failing.abandon(options["chain"]?.arrayValue ?? [], error)
        return (failing.steps, failing.problem)
    }
}

extension ChordReport {
    fileprivate func end(_ claim: ChordClaim?, hasFailed: Bool) -> [FinishingStep] {
        claim.map { [.endChord(ChordEnding(report: self, claim: $0, hasFailed: hasFailed))] } ?? []
    }

    fileprivate static func error(_ message: String) -> TaskFailure {
        TaskFailure(type: "ChordError", module: "celery.exceptions", message: message)
    }
}
