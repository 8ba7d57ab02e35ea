internal import CeleryIO
internal import CeleryTransport
internal import Synchronization

/// Lets large bodies be read one after the other, however many tasks run at a time: while it is read a body takes most.
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

    fileprivate func pass() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isTaken = !state.waiting.isEmpty
            return state.isTaken ? state.waiting.removeFirst() : nil
        }
        next?.resume()
    }
}

/// A turn to read a large body; with its last reference it ends, if it has not before.
final class LargeBodyTurn: Sendable {
    /// Most tasks that get what was never meant for them fail at once, and then their values are gone before the next body
    /// is read. Others are not waited for.
    private static let grace = Duration.milliseconds(100)

    private let turns: LargeBodyTurns
    private let hasEnded = Atomic(false)

    fileprivate init(of turns: LargeBodyTurns) { self.turns = turns }

    deinit { end() }

    /// The next body may be read.
    func end() {
        if !hasEnded.exchange(true, ordering: .acquiringAndReleasing) { turns.pass() }
    }

    /// The body has been read, and its task begins.
    ///
    /// - Parameter size: how many bytes it had.
    func isRead(size: Int) {
        guard size >= LargeBodyTurns.smallest else { return end() }
        _ = Deadlines.shared.add(.now + Self.grace) { self.end() }
    }
}
