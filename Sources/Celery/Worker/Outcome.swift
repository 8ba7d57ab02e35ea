package import CeleryProtocol

/// How the run of a task ended. What follows from that is decided in `WorkerEngine.conclusion(of:_:)`.
package enum Outcome: Sendable {
    /// The handler returned this.
    case success(JSONValue)
    /// The handler threw, or the arguments did not fit.
    case failure(TaskFailure)
    /// The task is to be tried again after so long, for the reason given.
    case retry(after: Duration, reason: TaskFailure?)
    /// The handler threw ``Ignore``.
    case ignored
    /// The handler threw ``Reject``.
    case rejected(requeue: Bool, reason: String?)
    /// The worker was stopped while the task ran.
    case interrupted
}

extension TaskHandler {
    /// Runs the body.
    package func outcome(_ context: TaskContext, _ payload: TaskPayload) async -> Outcome {
        do {
            return .success(try await body(context, payload))
        } catch {
            let outcome = Outcome(error, request: context.request, payload: payload, policy: retry)
            // Tasks are cancelled when the worker is stopped, and what is thrown then as a rule comes of that, whatever
            // its type: a client library wraps the cancellation in an error of its own.
            if Task.isCancelled, case .failure = outcome { return .interrupted }
            return outcome
        }
    }
}

extension Outcome {
    /// What an error thrown by a handler means.
    init(_ error: any Error, request: TaskRequest, payload: TaskPayload, policy: RetryPolicy) {
        switch error {
        case let retry as Retry:
            self = Self.retry(retry.reason, after: retry.countdown, request, payload, policy)
        case is Ignore: self = .ignored
        case let reject as Reject: self = .rejected(requeue: reject.requeue, reason: reject.reason)
        case is CancellationError where Task.isCancelled: self = .interrupted
        case let error where policy.retriesOn(error): self = Self.retry(error, after: nil, request, payload, policy)
        default: self = .failure(TaskFailure(error, request: request))
        }
    }

    private static func retry(
        _ reason: (any Error)?, after countdown: Duration?, _ request: TaskRequest, _ payload: TaskPayload,
        _ policy: RetryPolicy
    ) -> Outcome {
        let failure = reason.map { TaskFailure($0, request: request) }
        if let maximum = policy.maxRetries, request.retries >= maximum {
            return .failure(failure ?? .maxRetriesExceeded(request, payload))
        }
        return .retry(after: countdown ?? policy.backoff.countdown(retries: request.retries), reason: failure)
    }
}

extension TaskFailure {
    /// The failure that an error of Swift stands for: its type's name and module, its description.
    package init(_ error: any Error, request: TaskRequest) {
        if var failure = error as? TaskFailure {
            failure.traceback = failure.traceback ?? Self.traceback(failure, request)
            self = failure
            return
        }
        let name = Self.name(of: Swift.type(of: error))
        self.init(
            type: name.dropFirst().joined(separator: "."),
            // A module that Python cannot have imported: it makes up an exception class of the type's name.
            module: "swift.\(name[0])",
            message: "\(error)"
        )
        traceback = Self.traceback(self, request)
    }

    /// The module, the outer types and the type. Swift names the context of a private or local type by an address in
    /// parentheses: that is left out, because it differs in every process.
    private static func name(of type: any Error.Type) -> [Substring] {
        var depth = 0
        let name = String(reflecting: type).filter { character in
            if character == "(" { depth += 1 }
            defer { if character == ")" { depth -= 1 } }
            return depth == 0
        }
        let parts = name.split(separator: ".")
        return parts.count > 1 ? parts : ["Swift", Substring(String(describing: type))]
    }

    static func maxRetriesExceeded(_ request: TaskRequest, _ payload: TaskPayload) -> TaskFailure {
        let args = PythonRepr.saferepr(arguments: payload.args)
        let kwargs = PythonRepr.saferepr(.object(payload.kwargs))
        return TaskFailure(
            type: "MaxRetriesExceededError", module: "celery.exceptions",
            message: "Can't retry \(request.task)[\(request.id)] args:\(args) kwargs:\(kwargs)")
    }

    /// What goes where a traceback goes when a task asks for another try without a reason.
    static func retryTraceback(_ request: TaskRequest, _ countdown: Duration) -> String {
        let number = countdown / .seconds(1)
        let seconds = Int(exactly: number).map(String.init) ?? "\(number)"
        let retry = TaskFailure(type: "Retry", module: "celery.exceptions", message: "Retry in \(seconds)s")
        return traceback(retry, request)
    }

    /// Python shows this text where a task's traceback goes.
    private static func traceback(_ failure: TaskFailure, _ request: TaskRequest) -> String {
        """
        Traceback (most recent call last):
          Swift task \(request.task)[\(request.id)]
        \(failure.type): \(failure.message)

        """
    }
}
