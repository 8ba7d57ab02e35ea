internal import CeleryProtocol
internal import CeleryTransport

/// What the failure of a task entails, whatever the reason: one who waits for the task, or for one that was to follow
/// it, is told.
extension FinishingPlanner {
    /// What is to be done after a failure.
    ///
    /// - Parameter settlement: what becomes of the message, where that does not depend on the rules.
    func plan(
        after finished: FinishedTask, failure: TaskFailure, settlement: Settlement? = nil
    ) -> FinishingPlan {
        let (request, rules) = (finished.task.request, finished.rules)
        var settlement = settlement
        if settlement == nil, rules.acksLate { settlement = rules.acksOnFailure ? .acknowledge : .discard }
        var results: [StoredResult] = []
        if rules.storesResult {
            var result = result(of: request, .failure, failure.json, traceback: failure.traceback)
            result.children = .array(finished.children)
            results.append(StoredResult(result, route: ReplyRoute(request)))
            results += abandoned(finished.payload?.chain ?? [], failure, of: request)
        }
        if let body = finished.payload?.chord, request.group?.isEmpty == false, rules.hasBackend {
            // The other members of the chord go on, in vain: its body never gets their results.
            let failure = TaskFailure(
                type: "ChordError", module: "celery.exceptions",
                message: "Dependency \(request.id) raised \(failure)")
            let rest = body.objectValue?["options"]?.objectValue?["chain"]?.arrayValue ?? []
            results += abandoned([body] + rest, failure, of: request)
        }
        let (errbacks, problem) = errbacks(of: finished)
        var steps: [FinishingStep] = results.isEmpty ? [] : [.store(results)]
        steps += errbacks.map { .send($0) }
        if let settlement { steps.append(.settle(settlement)) }
        var plan = FinishingPlan(steps)
        // Without its message a task does not run again, and the others are told of the end that it has come to.
        plan.runsAgainUnlessStored = settlement == .acknowledge
        if let problem { plan.problems = [problem] }
        if !errbacks.isEmpty { plan.task = finished }
        return plan
    }

    /// What is to be done with a message that cannot be run as a task, as its body shows.
    func plan(after finished: FinishedTask, refusal: MessageError) -> FinishingPlan {
        let failure = TaskFailure(type: "InvalidTaskError", module: "celery.exceptions", message: refusal.reason)
        return plan(after: finished, failure: failure, settlement: .deadLetter(reason: refusal.reason))
    }

    /// What is to be done with a message that was refused before there was a task to run.
    func plan(after refused: RefusedMessage, hasBackend: Bool) -> FinishingPlan {
        let told: StoredResult?
        let reason: String
        switch refused {
        case .unreadable(let error, let properties):
            reason = error.reason
            let failure = TaskFailure(type: "InvalidTaskError", module: "celery.exceptions", message: reason)
            // Whoever waits for the result is told.
            told = properties.flatMap { properties in
                error.taskID.map { id in
                    StoredResult(
                        TaskResult(id: id, state: .failure, result: failure.json, dateDone: now),
                        route: ReplyRoute(
                            replyTo: properties.replyTo, correlationID: properties.correlationID ?? id))
                }
            }
        case .notRegistered(let task):
            let request = task.request
            reason = "unregistered task \(PythonRepr.quoted(request.task))"
            let failure = TaskFailure(type: "NotRegistered", module: "celery.exceptions", message: request.task)
            told = StoredResult(
                result(of: request, .failure, failure.json, traceback: task.explanation), route: ReplyRoute(request))
        }
        var steps: [FinishingStep] = []
        if hasBackend, let told { steps.append(.store([told])) }
        return FinishingPlan(steps + [.settle(.deadLetter(reason: reason))])
    }

    private func abandoned(
        _ signatures: [JSONValue], _ failure: TaskFailure, of request: TaskRequest
    ) -> [StoredResult] {
        AbandonedStep.steps(signatures).map { $0.result(failure, of: request, now: now) }
    }

    /// The errbacks get the id of the failed task. One that cannot be made does not change what the failure is.
    private func errbacks(of finished: FinishedTask) -> (messages: [OutgoingMessage], problem: FinishingProblem?) {
        let request = finished.task.request
        let errbacks = finished.payload?.errbacks ?? []
        guard !errbacks.isEmpty else { return ([], nil) }
        let group = RandomID.make()
        var messages: [OutgoingMessage] = []
        var problem: FinishingProblem?
        for (index, signature) in errbacks.enumerated() {
            do {
                let message = try Successor(signature).message(
                    after: request, input: .string(request.id), rest: nil, group: (group, index), publisher: publisher)
                messages.append(OutgoingMessage(.errback, message))
            } catch {
                problem = FinishingProblem(
                    kind: .errback, error: problem?.error ?? error, count: (problem?.count ?? 0) + 1)
            }
        }
        return (messages, problem)
    }
}
