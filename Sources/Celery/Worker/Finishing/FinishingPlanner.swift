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

    /// The one place that decides what follows from an ending.
    func plan(after finished: FinishedTask) -> FinishingPlan {
        switch finished.ending {
        case .ran(let outcome): plan(after: finished, outcome)
        case .refused(let error): plan(after: finished, refusal: error)
        case .expired: expiry(of: finished)
        }
    }

    private func plan(after finished: FinishedTask, _ outcome: TaskOutcome) -> FinishingPlan {
        do {
            switch outcome {
            case .success(let value): return try success(of: finished, value)
            case .failure(let failure): return plan(after: finished, failure: failure)
            case .retry(let countdown, let reason, let changes):
                return try retry(of: finished, after: countdown, reason, with: changes)
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
        let successors =
            try finished.successors?.messages(after: request, result: value, publisher: publisher) ?? []
        var steps = successors.map { FinishingStep.send($0) }
        if finished.rules.storesResult {
            var result = result(of: request, .success, value)
            result.children = .array(finished.children + successors.compactMap(\.child))
            steps.append(.store([StoredResult(result, route: ReplyRoute(request))]))
        }
        var plan = FinishingPlan(steps + settling(finished, .acknowledge))
        plan.runsAgainUnlessStored = finished.rules.acksLate
        if !successors.isEmpty { plan.task = finished }
        return plan
    }

    private func retry(
        of finished: FinishedTask, after countdown: Duration, _ reason: TaskFailure?, with changes: Retry.Changes
    ) throws -> FinishingPlan {
        let request = finished.task.request
        var steps: [FinishingStep] = []
        let message = OutgoingMessage(.retry, try retryMessage(of: finished, after: countdown, with: changes))
        if finished.rules.storesResult {
            var result = result(
                of: request, .retry, reason?.json ?? .null,
                traceback: reason?.traceback ?? TaskFailure.retryTraceback(request, countdown))
            // As in Celery, a task that is tried again is its own child.
            result.children = .array(finished.children + [OutgoingMessage.child(request.id)])
            steps.append(.store([StoredResult(result, route: ReplyRoute(request))]))
        }
        steps.append(.send(message))
        var plan = FinishingPlan(steps + settling(finished, .acknowledge))
        plan.task = finished
        return plan
    }

    /// The task came too late: it ends as revoked, as in Celery. Its message was not acknowledged before.
    private func expiry(of finished: FinishedTask) -> FinishingPlan {
        let request = finished.task.request
        var steps: [FinishingStep] = []
        if finished.rules.storesResult {
            let failure = TaskFailure(type: "TaskRevokedError", module: "celery.exceptions", message: "expired")
            steps.append(
                .store([StoredResult(result(of: request, .revoked, failure.json), route: ReplyRoute(request))]))
        }
        return FinishingPlan(steps + [.settle(.acknowledge)])
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
