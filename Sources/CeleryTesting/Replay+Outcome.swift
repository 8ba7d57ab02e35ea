public import Celery

extension Replay {
    /// What became of a message.
    public enum Outcome: Sendable, Hashable {
        /// The handler returned this.
        case success(JSONValue)
        /// The handler threw, or the arguments did not fit it.
        case failure(TaskFailure)
        /// The task is to be tried again after so long.
        case retry(after: Duration, reason: TaskFailure?)
        /// The handler has another canvas take the task's place.
        case replaced(TaskReplacement)
        /// The handler threw `Ignore`.
        case ignored
        /// The handler threw `Reject`.
        case rejected(requeue: Bool)
        /// The message cannot be run as a task, or is to be followed by something that is not built.
        case refused(MessageError)
        /// There is no handler of this name.
        case notRegistered(String)
        /// The handler was cancelled.
        case interrupted
    }
}

extension Replay.Outcome {
    init(_ outcome: TaskOutcome) {
        self =
            switch outcome {
            case .success(let value): .success(value)
            case .failure(let failure): .failure(failure)
            case .retry(let countdown, let reason, _): .retry(after: countdown, reason: reason)
            case .replaced(let replacement): .replaced(replacement)
            case .ignored: .ignored
            case .rejected(let requeue, _): .rejected(requeue: requeue)
            case .interrupted: .interrupted
            }
    }

    /// What the handler returned, as its caller would read it.
    ///
    /// - Throws: the task's `TaskFailure`; ``UnexpectedOutcome`` when it did not end with a value; `DecodingError` when
    ///   the value is of another type.
    public func value<Value: Decodable>(as type: Value.Type) throws -> Value {
        switch self {
        case .success(let value): return try JSONValueDecoder().decode(Value.self, from: value)
        case .failure(let failure): throw failure
        default: throw UnexpectedOutcome(outcome: self)
        }
    }
}
