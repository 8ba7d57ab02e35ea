import CeleryIO

/// Counts what happens in several tasks at once.
final class Counter: Sendable {
    private let state = Locked((now: 0, total: 0, highest: 0))

    /// One more; how many there were now.
    @discardableResult
    func next() -> Int {
        state.withLock { state in
            state.now += 1
            state.total += 1
            state.highest = max(state.highest, state.now)
            return state.total
        }
    }

    /// One less at the moment.
    func leave() {
        state.withLock { $0.now -= 1 }
    }

    /// How many there were.
    var total: Int { state.withLock { $0.total } }
    /// How many there were at most at a time.
    var highest: Int { state.withLock { $0.highest } }
}
