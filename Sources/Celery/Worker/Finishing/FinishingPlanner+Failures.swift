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
        let rules = finished.rules
        let failure = failure.traced(to: finished.task.request)
        var settlement = settlement
        if settlement == nil, rules.acksLate { settlement = rules.acksOnFailure ? .acknowledge : .discard }
        var steps = steps(after: finished, .failure, failure)
        let (errbacks, _, problem) = errbacks(finished.payload?.errbacks ?? [], of: finished.task.request, failure)
        steps += errbacks
        if let settlement { steps.append(.settle(settlement)) }
        var plan = FinishingPlan(steps)
        // Without its message a task does not run again, and the others are told of the end that it has come to.
        plan.runsAgainUnlessStored = settlement == .acknowledge
        if let problem { plan.problems = [problem] }
        if plan.needsTask { plan.task = finished }
        return plan
    }

    /// The task is not to run, or not any longer, or came too late: it ends as revoked, as in Celery, which has no traceback
    /// for that. So do the tasks that were to follow it, of which Celery says nothing. The message was not acknowledged
    /// before, unless the task ran.
    func revocation(of finished: FinishedTask, _ reason: FinishedTask.Revocation) -> FinishingPlan {
        let failure = TaskFailure(type: "TaskRevokedError", module: "celery.exceptions", message: reason.message)
        var finished = finished
        var settling: [FinishingStep] = [.settle(.acknowledge)]
        if case .terminated = reason {
            settling = self.settling(finished, .acknowledge)
        } else {
            readPayload(of: &finished)
        }
        var plan = FinishingPlan(steps(after: finished, .revoked, failure) + settling)
        if plan.needsTask { plan.task = finished }
        return plan
    }

    /// What is to be done with a message that cannot be run as a task, as its body shows.
    func plan(after finished: FinishedTask, refusal: MessageError) -> FinishingPlan {
        let failure = TaskFailure(type: "InvalidTaskError", module: "celery.exceptions", message: refusal.reason)
        var finished = finished
        readPayload(of: &finished)
        return plan(after: finished, failure: failure, settlement: .deadLetter(reason: refusal.reason))
    }

    /// The end of the task, and that of the tasks that were to follow it: first all of them are stored, then they are
    /// counted where chords wait for them.
    private func steps(after finished: FinishedTask, _ state: TaskState, _ failure: TaskFailure) -> [FinishingStep] {
        let request = finished.task.request
        let abandoned = AbandonedTask.tasks(of: finished.payload?.chain ?? [])
        var steps: [FinishingStep] = []
        if finished.rules.storesResult {
            var result = result(of: request, state, failure.json, traceback: failure.traceback)
            result.children = .array(finished.children)
            let others = abandoned.compactMap { self.result(of: $0, state, failure, after: request) }
            steps.append(.store([StoredResult(result, route: ReplyRoute(request))] + others))
        }
        if let report = report(of: finished, state, failure.json) { steps.append(.report(report)) }
        return steps + reports(of: abandoned, state, failure, finished.rules)
    }

    /// The end of a task that will never run.
    func result(
        of abandoned: AbandonedTask, _ state: TaskState, _ failure: TaskFailure, after request: TaskRequest,
        children: [JSONValue] = []
    ) -> StoredResult? {
        if abandoned.ignoresResult { return nil }
        let result = TaskResult(
            id: abandoned.id, state: state, result: failure.json, traceback: failure.traceback,
            children: .array(children), dateDone: now, groupID: abandoned.group, parentID: abandoned.parentID)
        return StoredResult(
            result, route: ReplyRoute(replyTo: abandoned.replyTo ?? request.replyTo, correlationID: abandoned.id))
    }

    // MARK: Errbacks

    /// What is to be done to tell errbacks of a failure: those of this worker are called, all others are sent as one
    /// group and get the id of the failed task. One that cannot be made does not change what the failure is.
    ///
    /// - Parameters:
    ///   - request: the task that has failed, or one that will never run.
    ///   - marked: marks what is sent.
    func errbacks(
        _ errbacks: [JSONValue], of request: TaskRequest, _ failure: TaskFailure,
        marked: (CanvasExpansion) -> CanvasExpansion = { $0 }
    ) -> (steps: [FinishingStep], children: [JSONValue], problem: FinishingProblem?) {
        if errbacks.isEmpty { return ([], [], nil) }
        var steps: [FinishingStep] = []
        var problem: FinishingProblem?
        func note(_ error: any Error) {
            problem = FinishingProblem(
                kind: .errback, error: problem?.error ?? error, count: (problem?.count ?? 0) + 1)
        }
        var others: [CanvasNode] = []
        for errback in errbacks {
            do throws(MessageError) {
                let node = try CanvasNode(errback)
                if let body = handlers[node.taskName]?.errback {
                    let context = TaskContext(request: request, queue: "", environment: environment)
                    let call = ErrbackCall(
                        name: node.taskName, body: body, context: context, failure: failure, args: node.args,
                        kwargs: node.kwargs)
                    steps.append(.call(call))
                } else {
                    others.append(node)
                }
            } catch {
                note(error)
            }
        }
        var children: [JSONValue] = []
        if !others.isEmpty {
            do throws(MessageError) {
                let expansion = marked(
                    try CanvasSuccession.expanded(
                        errbacks: others, of: request.id, in: publisher.context(of: request)))
                for step in expansion.steps {
                    do {
                        guard let made = try publisher.step(step, chords) else { continue }
                        steps.append(.send(OutgoingStep(.errback, made)))
                    } catch {
                        note(error)
                    }
                }
                children = expansion.children.map { OutgoingStep.child($0) }
            } catch {
                note(error)
            }
        }
        return (steps, children, problem)
    }
}
