internal import CeleryIO

/// One task waits for one outcome; the first outcome counts. Cancelling the task is an outcome too.
package final class Waiter<Value: Sendable>: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<Value, any Error>)
        case settled(Result<Value, any Error>)
    }

    private let state = Locked(State.open)

    package init() {}

    /// Ends the wait, or the one to come; whether this was the first outcome.
    @discardableResult
    package func settle(_ outcome: Result<Value, any Error>) -> Bool {
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
    package func value() async throws -> Value {
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

extension Waiter {
    /// Begins what brings the outcome, and waits for it for a limited time. When that is over `begin` is cancelled and
    /// left to itself, so that the limit holds whatever it does.
    ///
    /// - Parameters:
    ///   - deadline: until when to wait; `nil` for as long as it takes.
    ///   - begin: may return before there is an outcome. What it throws is one.
    /// - Returns: the outcome; `nil` when the time was over before.
    /// - Throws: the outcome, or `CancellationError`.
    package func value<Wrapped>(
        until deadline: ContinuousClock.Instant?, after begin: @escaping @Sendable () async throws -> Void
    ) async throws -> Value where Value == Wrapped? {
        try Task.checkCancellation()
        // On its own, because it may outlive the caller.
        let task = beginTask {
            do { try await begin() } catch { self.settle(.failure(error)) }
        }
        let number = deadline.map { Deadlines.shared.add($0) { self.settle(.success(nil)) } }
        defer {
            if let number { Deadlines.shared.remove(number) }
            task.cancel()
        }
        return try await value()
    }
}

/// A task that runs on the caller's thread up to where it waits for the first time, if the system can do that.
private func beginTask(_ operation: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
    if #available(macOS 26.0, iOS 26.0, tvOS 26.0, watchOS 26.0, visionOS 26.0, *) {
        Task.immediate { await operation() }
    } else {
        Task { await operation() }
    }
}
