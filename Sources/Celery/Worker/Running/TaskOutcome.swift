public import CeleryProtocol

/// How the run of a task ended. What follows from that is decided by the worker.
public enum TaskOutcome: Sendable {
    /// The handler returned this.
    case success(JSONValue)
    /// The handler threw, or the arguments did not fit.
    case failure(TaskFailure)
    /// The task is to be tried again after so long, for the reason given, perhaps with other arguments.
    case retry(after: Duration, reason: TaskFailure?, with: Retry.Changes = .init())
    /// Another canvas takes the task's place (``TaskContext/replace(with:)-(Signature<Output>)``).
    case replaced(TaskReplacement)
    /// The handler threw ``Ignore``.
    case ignored
    /// The handler threw ``Reject``.
    case rejected(requeue: Bool, reason: String?)
    /// The worker was stopped while the task ran.
    case interrupted
}

extension TaskHandler {
    /// Runs the body.
    package func outcome(_ context: TaskContext, _ payload: TaskPayload) async -> TaskOutcome {
        do {
            return .success(try await body(context, payload))
        } catch {
            return outcome(of: error, context, payload)
        }
    }

    /// What it means that the body, or middleware around it, has thrown this.
    func outcome(of error: any Error, _ context: TaskContext, _ payload: TaskPayload) -> TaskOutcome {
        let exceedsLimit = context.record.exceedsSoftLimit
        let error = exceedsLimit && error is CancellationError ? TaskFailure.softTimeLimitExceeded : error
        let outcome = TaskOutcome(error, request: context.request, payload: payload, policy: retry)
        // What is thrown by a task that is cancelled as a rule comes of that, whatever its type: a client library wraps the
        // cancellation in an error of its own.
        guard Task.isCancelled, case .failure = outcome else { return outcome }
        if !exceedsLimit { return .interrupted }
        return error is TaskFailure || error is Retry
            ? outcome : .failure(TaskFailure(TaskFailure.softTimeLimitExceeded, request: context.request))
    }
}

extension TaskOutcome {
    /// What an error thrown by a handler means.
    init(_ error: any Error, request: TaskRequest, payload: TaskPayload, policy: RetryPolicy) {
        switch error {
        case let retry as Retry:
            var policy = policy
            policy.maxRetries = retry.maxRetries ?? policy.maxRetries
            self = Self.retry(retry.reason, after: retry.countdown, with: retry.changes, request, payload, policy)
        case let replacement as TaskReplacement: self = .replaced(replacement)
        case is Ignore: self = .ignored
        case let reject as Reject: self = .rejected(requeue: reject.requeue, reason: reject.reason)
        case is CancellationError where Task.isCancelled: self = .interrupted
        case let error where policy.retriesOn(error): self = Self.retry(error, after: nil, request, payload, policy)
        default: self = .failure(TaskFailure(error, request: request))
        }
    }

    private static func retry(
        _ reason: (any Error)?, after countdown: Duration?, with changes: Retry.Changes = .init(),
        _ request: TaskRequest, _ payload: TaskPayload, _ policy: RetryPolicy
    ) -> TaskOutcome {
        let failure = reason.map { TaskFailure($0, request: request) }
        if let maximum = policy.maxRetries, request.retries >= maximum {
            return .failure(failure ?? .maxRetriesExceeded(request, payload))
        }
        return .retry(
            after: countdown ?? policy.backoff.countdown(retries: request.retries), reason: failure, with: changes)
    }
}
