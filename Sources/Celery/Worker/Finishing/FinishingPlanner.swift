internal import CeleryProtocol
internal import CeleryTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Decides what follows from how a task ended. It sends and stores nothing: what it makes is a value.
struct FinishingPlanner: Sendable {
    /// Makes messages.
    let publisher: TaskPublisher
    /// What errbacks may use.
    let environment: TaskEnvironment
    /// How chords are joined where this worker's results go.
    var chords = ChordSupport.counted
    /// The errbacks of this worker, among its handlers.
    var handlers: [String: TaskHandler] = [:]
    /// How large a body may be that is read here, because nobody has read it before.
    var limits = BodyLimits()

    /// The one place that decides what follows from an ending.
    func plan(after finished: FinishedTask) -> FinishingPlan {
        switch finished.ending {
        case .ran(let outcome): plan(after: finished, outcome)
        case .refused(let error): plan(after: finished, refusal: error)
        case .revoked(let reason): revocation(of: finished, reason)
        }
    }

    private func plan(after finished: FinishedTask, _ outcome: TaskOutcome) -> FinishingPlan {
        do {
            switch outcome {
            case .success(let value): return try success(of: finished, value)
            case .failure(let failure):
                // As Celery does it with a late message whose task has taken too long: it comes again.
                let comesAgain = finished.isTimedOut && finished.rules.acksLate && !finished.rules.acksOnFailure
                return plan(after: finished, failure: failure, settlement: comesAgain ? .requeue : nil)
            case .retry(let countdown, let reason, let changes):
                return try retry(of: finished, after: countdown, reason, with: changes)
            case .replaced(let replacement): return try self.replacement(of: finished, by: replacement)
            case .ignored: return FinishingPlan(settling(finished, .acknowledge))
            case .rejected(requeue: true, _): return FinishingPlan(settling(finished, .requeue))
            case .rejected(requeue: false, let reason):
                let failure = TaskFailure(
                    type: "Reject", module: "celery.exceptions",
                    arguments: [reason.map(JSONValue.string) ?? .null, false])
                return plan(after: finished, failure: failure, settlement: finished.rules.acksLate ? .discard : nil)
            // With late acknowledgement the message is still held, and comes back when the consumer is closed.
            case .interrupted: return FinishingPlan([])
            }
        } catch {
            // What is to follow cannot be put into a message.
            let failure = TaskFailure(error, request: finished.task.request)
            var plan = plan(after: finished, failure: failure)
            plan.problems.append(FinishingProblem(kind: .failure, error: failure))
            return plan
        }
    }

    private func success(of finished: FinishedTask, _ value: JSONValue) throws -> FinishingPlan {
        let request = finished.task.request
        var steps: [FinishingStep] = []
        var children = finished.children
        if let succession = finished.succession {
            let following = try succession.expanded(result: value, in: publisher.context(of: request))
            steps = try self.steps(following, as: .successor)
            children += following.children.map { OutgoingStep.child($0) }
        }
        var problems: [FinishingProblem] = []
        if let unlocked = finished.unlocked {
            let (chord, problem) = self.steps(unlocking: unlocked, by: finished)
            steps += chord
            if let problem { problems.append(problem) }
        }
        let sends = !steps.isEmpty
        if finished.rules.storesResult {
            var result = result(of: request, .success, value)
            result.children = .array(children)
            steps.append(.store([StoredResult(result, route: ReplyRoute(request))]))
        }
        let report = report(of: finished, .success, value)
        if let report { steps.append(.report(report)) }
        var plan = FinishingPlan(steps + settling(finished, .acknowledge))
        plan.runsAgainUnlessStored = finished.rules.acksLate
        plan.problems = problems
        if sends || report != nil { plan.task = finished }
        return plan
    }

    private func retry(
        of finished: FinishedTask, after countdown: Duration, _ reason: TaskFailure?, with changes: Retry.Changes
    ) throws -> FinishingPlan {
        let request = finished.task.request
        var steps: [FinishingStep] = []
        let message = OutgoingStep(.retry, try retryMessage(of: finished, after: countdown, with: changes))
        if finished.rules.storesResult {
            var result = result(
                of: request, .retry, reason?.json ?? .null,
                traceback: reason?.traceback ?? TaskFailure.retry(of: request, after: countdown).traceback)
            // As in Celery, a task that is tried again is its own child.
            result.children = .array(finished.children + [OutgoingStep.child(request.id)])
            steps.append(.store([StoredResult(result, route: ReplyRoute(request))]))
        }
        steps.append(.send(message))
        var plan = FinishingPlan(steps + settling(finished, .acknowledge))
        plan.task = finished
        return plan
    }

    /// Another canvas takes the task's place: nothing is stored, and its part of a chord is the other one's.
    private func replacement(of finished: FinishedTask, by replacement: TaskReplacement) throws -> FinishingPlan {
        let request = finished.task.request
        let context = publisher.context(of: request)
        let canvas = try replacement.canvas.replacing(request, finished.payload ?? TaskPayload(), in: context)
        let steps = try self.steps(try canvas.expanded(in: context), as: .replacement)
        var plan = FinishingPlan(steps + settling(finished, .acknowledge))
        plan.task = finished
        return plan
    }

    /// What is to be done to send a canvas.
    func steps(_ expansion: CanvasExpansion, as role: OutgoingStep.Role) throws -> [FinishingStep] {
        var steps: [FinishingStep] = []
        steps.reserveCapacity(expansion.steps.count)
        var next = 0
        for (position, step) in expansion.steps.enumerated() {
            guard let made = try publisher.step(step, chords) else { continue }
            var outgoing = OutgoingStep(role, made)
            while next < expansion.children.count, expansion.stepsOfChildren[next] <= position + 1 {
                outgoing.children.append(OutgoingStep.child(expansion.children[next]))
                next += 1
            }
            steps.append(.send(outgoing))
        }
        return steps
    }

    /// What the broker is told after a run, if it was not told before.
    func settling(_ finished: FinishedTask, _ settlement: Settlement) -> [FinishingStep] {
        finished.rules.acksLate ? [.settle(settlement)] : []
    }

    /// The state of a task, for the result backend.
    func result(
        of request: TaskRequest, _ state: TaskState, _ value: JSONValue, traceback: String? = nil
    ) -> TaskResult {
        TaskResult(
            id: request.id, state: state, result: value, traceback: traceback,
            dateDone: state.isReady ? now : nil, groupID: request.group, parentID: request.parentID)
    }

    /// The time as results hold it.
    var now: String? {
        do {
            return try PythonDateTime(publisher.clock.now).isoFormat
        } catch {
            return nil
        }
    }
}
