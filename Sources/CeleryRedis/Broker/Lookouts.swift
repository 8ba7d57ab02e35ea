internal import CeleryIO

/// Those who wait for a claim that is made after they have begun to wait: what was pushed before is delivered then.
final class Lookouts: Sendable {
    private struct State {
        /// How many claims have begun.
        var begun = 0
        /// By how many claims had begun when they came.
        var waiting: [(begun: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var hasEnded = false
    }

    private let state = Locked(State())

    /// Waits for the next claim.
    ///
    /// - Parameter hasCome: called once it counts; has a claim made.
    func wait(_ hasCome: () -> Void) async {
        await withCheckedContinuation { continuation in
            let mayWait = state.withLock { state in
                if !state.hasEnded { state.waiting.append((state.begun, continuation)) }
                return !state.hasEnded
            }
            if mayWait { hasCome() } else { continuation.resume() }
        }
    }

    /// A claim begins; its number.
    func begin() -> Int {
        state.withLock { state in
            state.begun += 1
            return state.begun
        }
    }

    /// Claims up to this one are delivered, or have failed; `nil` when nobody is to wait, because there is no room for a claim.
    func release(upTo claim: Int? = nil) {
        let released = state.withLock { state in
            if state.waiting.isEmpty { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting.removeAll { $0.begun < claim ?? .max } }
            return state.waiting.filter { $0.begun < claim ?? .max }.map(\.continuation)
        }
        for continuation in released { continuation.resume() }
    }

    /// There are no claims any more.
    func end() {
        state.withLock { $0.hasEnded = true }
        release()
    }
}
