internal import CeleryIO

/// One task waits, others wake it; a wake-up before the wait is not lost. Waiting can be cancelled.
package final class WakeSignal: Sendable {
    private struct State {
        var isSignalled = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Locked(State())

    package init() {}

    /// Wakes the waiting task, or the next that waits.
    package func signal() {
        let waiter = state.withLock { state in
            if let waiter = state.waiter {
                state.waiter = nil
                return Optional(waiter)
            }
            state.isSignalled = true
            return nil
        }
        waiter?.resume()
    }

    /// Forgets a wake-up that nobody waited for.
    package func clear() {
        state.withLock { $0.isSignalled = false }
    }

    /// Waits for a wake-up. One task at a time.
    ///
    /// - Throws: `CancellationError`.
    package func wait() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isSignalled = state.withLock { state in
                    if state.isSignalled || Task.isCancelled {
                        state.isSignalled = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isSignalled { continuation.resume() }
            }
        } onCancel: {
            signal()
        }
        try Task.checkCancellation()
    }
}
