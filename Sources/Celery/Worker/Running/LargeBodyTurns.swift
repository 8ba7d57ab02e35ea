internal import CeleryIO

/// Lets large bodies be read one after the other, however many tasks run at a time: a body takes most memory
/// while it is read.
final class LargeBodyTurns: Sendable {
    /// A body of fewer bytes is read without waiting for a turn.
    static let smallest = 4 << 20

    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Locked(State())

    /// Waits for a turn, in the order in which they were asked for.
    func next() async -> LargeBodyTurn {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.isTaken { state.waiting.append(continuation) }
                defer { state.isTaken = true }
                return !state.isTaken
            }
            if isFree { continuation.resume() }
        }
        return LargeBodyTurn(of: self)
    }

    /// A turn has ended: it is the next one's.
    func pass() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isTaken = !state.waiting.isEmpty
            return state.isTaken ? state.waiting.removeFirst() : nil
        }
        next?.resume()
    }
}
