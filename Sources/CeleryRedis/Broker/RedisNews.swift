internal import CeleryIO
internal import CeleryTransport

/// What wakes a consumer while it waits: a push to one of its lists, or a turn of its own affairs.
final class RedisNews: Sendable {
    /// Claims, and says whether that brought messages.
    typealias Claim = @Sendable (_ completion: @escaping @Sendable (Result<Bool, any Error>) -> Void) -> Void

    private struct Waiter {
        let continuation: CheckedContinuation<Bool?, any Error>
        let claim: Claim
    }

    private struct State {
        var isSignalled = false
        var isCheckDue = false
        var failure: TransportError?
        var waiter: Waiter?
    }

    private let state = Locked(State())

    /// A list has been pushed to: a consumer that waits claims at once.
    func pushed() {
        guard let waiter = takeWaiter() else { return }
        waiter.claim { waiter.continuation.resume(with: $0.map(Optional.some)) }
    }

    /// It is time to look for messages left behind.
    func checkIsDue() {
        state.withLock { $0.isCheckDue = true }
        wake()
    }

    /// As ``pushed()``, after some time.
    func push(after delay: Duration) async throws {
        try await Task.sleep(for: delay)
        pushed()
    }

    /// There are no connections any more.
    func lost(_ error: TransportError) {
        state.withLock { $0.failure = $0.failure ?? error }
        wake()
    }

    /// Ends the wait without a claim.
    func wake() {
        takeWaiter()?.continuation.resume(returning: nil)
    }

    /// Whether a check is due; it counts as made. Throws when the connections are lost.
    func takeCheck() throws -> Bool {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            defer { state.isCheckDue = false }
            return state.isCheckDue
        }
    }

    /// Forgets the pushes so far.
    func clear() {
        state.withLock { $0.isSignalled = false }
    }

    /// Waits for a push and then for what comes of `claim`, which is called on the thread that brings the news; `nil`
    /// when something else ended the wait. One task at a time.
    func wait(thenClaim claim: @escaping Claim) async throws -> Bool? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let hasNews = state.withLock { state in
                    if state.isSignalled || state.isCheckDue || state.failure != nil || Task.isCancelled {
                        state.isSignalled = false
                        return true
                    }
                    state.waiter = Waiter(continuation: continuation, claim: claim)
                    return false
                }
                if hasNews { continuation.resume(returning: nil) }
            }
        } onCancel: {
            wake()
        }
    }

    /// The waiter; without one the next wait ends at once.
    private func takeWaiter() -> Waiter? {
        state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isSignalled = true }
            return state.waiter
        }
    }
}
