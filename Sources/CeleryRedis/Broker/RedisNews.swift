internal import CeleryIO
internal import CeleryTransport

/// What wakes a consumer while it waits: a push to one of its lists, or a turn of its own affairs.
final class RedisNews: Sendable {
    /// Claims, and says whether the wait goes on after that.
    typealias Claim = @Sendable (_ completion: @escaping @Sendable (Result<Bool, any Error>) -> Void) -> Void

    private struct Waiter {
        let continuation: CheckedContinuation<Void, any Error>
        let claim: Claim
    }

    private struct State {
        /// Whether something has happened since the last claim began that has to be seen to before the next wait.
        var isSignalled = false
        var failure: TransportError?
        var waiter: Waiter?

        /// Lets a task wait, unless something has happened; whether it waits.
        mutating func keep(_ waiter: Waiter) -> Bool {
            if !isSignalled { self.waiter = waiter }
            return !isSignalled
        }
    }

    private let state = Locked(State())

    /// A list has been pushed to: a consumer that waits claims at once.
    func pushed() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isSignalled = true }
            return state.waiter
        }
        guard let waiter else { return }
        waiter.claim { [self] outcome in
            if case .success(true) = outcome, state.withLock({ $0.keep(waiter) }) { return }
            waiter.continuation.resume(with: outcome.map { _ in })
        }
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

    /// Ends the wait, or the next one, without a claim; one that is under way comes first.
    func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            state.isSignalled = true
            return state.waiter
        }
        waiter?.continuation.resume()
    }

    /// Throws when there are no connections any more.
    func checkForLoss() throws {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Whether it is no use to wait before the next claim.
    var isClaimDue: Bool { state.withLock { $0.isSignalled } }

    /// Forgets what has happened so far.
    func clear() {
        state.withLock { $0.isSignalled = false }
    }

    /// Waits for a push, after which `claim` is called on the thread that brings the news; and for the next one, as long
    /// as the claim says so and nothing else has happened. One task at a time.
    func wait(thenClaim claim: @escaping Claim) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let waiter = Waiter(continuation: continuation, claim: claim)
                if !state.withLock({ $0.keep(waiter) }) { continuation.resume() }
            }
        } onCancel: {
            wake()
        }
    }
}
