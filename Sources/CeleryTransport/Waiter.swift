internal import CeleryIO

/// One task waits for one outcome; the first outcome counts. Cancelling the task is an outcome too.
final class Waiter<Value: Sendable>: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<Value, any Error>)
        case settled(Result<Value, any Error>)
    }

    private let state = Locked(State.open)

    /// Ends the wait, or the one to come; whether this was the first outcome.
    @discardableResult
    func settle(_ outcome: Result<Value, any Error>) -> Bool {
        let (isFirst, continuation) = state.withLock { state -> (Bool, CheckedContinuation<Value, any Error>?) in
            switch state {
            case .settled: return (false, nil)
            case .open:
                state = .settled(outcome)
                return (true, nil)
            case .waiting(let continuation):
                state = .settled(outcome)
                return (true, continuation)
            }
        }
        continuation?.resume(with: outcome)
        return isFirst
    }

    /// Waits for the outcome. To be called once.
    func value() async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = state.withLock { state -> Result<Value, any Error>? in
                    if case .settled(let outcome) = state { return outcome }
                    state = .waiting(continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            settle(.failure(CancellationError()))
        }
    }
}
