internal import CeleryIO

/// Runs an operation that takes no notice of cancellation, such as connecting to a server that does not answer, and
/// leaves it to itself when the calling task is cancelled.
///
/// - Parameters:
///   - operation: what to run.
///   - cleanUp: called with what the operation came to in the end, if nobody waits for it any more.
/// - Throws: what the operation throws, or `CancellationError`.
package func withAbandonment<Value: Sendable>(
    _ operation: @escaping @Sendable () async throws -> Value,
    cleanUp: @escaping @Sendable (Value) async -> Void
) async throws -> Value {
    let waiter = Waiter<Value>()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            guard waiter.wait(continuation) else { return continuation.resume(throwing: CancellationError()) }
            // On its own, because it may outlive the caller.
            Task {
                let result: Result<Value, any Error>
                do {
                    result = .success(try await operation())
                } catch {
                    result = .failure(error)
                }
                if let continuation = waiter.take() {
                    continuation.resume(with: result)
                } else if case .success(let value) = result {
                    await cleanUp(value)
                }
            }
        }
    } onCancel: {
        waiter.cancel()
    }
}

/// The one who waits, until the wait ends for whichever reason.
private final class Waiter<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, any Error>?
        var isCancelled = false
    }

    private let state = Locked(State())

    /// Whether the wait has begun; not when it was cancelled before.
    func wait(_ continuation: CheckedContinuation<Value, any Error>) -> Bool {
        state.withLock { state in
            if !state.isCancelled { state.continuation = continuation }
            return !state.isCancelled
        }
    }

    func take() -> CheckedContinuation<Value, any Error>? {
        state.withLock { state in
            defer { state.continuation = nil }
            return state.continuation
        }
    }

    func cancel() {
        state.withLock { $0.isCancelled = true }
        take()?.resume(throwing: CancellationError())
    }
}
