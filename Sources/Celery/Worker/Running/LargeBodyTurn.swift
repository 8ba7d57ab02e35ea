internal import CeleryTransport
internal import Synchronization

/// A turn to read a large body; with its last reference it ends, if it has not before.
final class LargeBodyTurn: Sendable {
    /// For so long the next body waits while the task runs. A task that gets a body which was never meant for it fails at
    /// once, as a rule, and then its values are gone before the next body is read.
    private static let grace = Duration.milliseconds(100)

    private let turns: LargeBodyTurns
    private let hasEnded = Atomic(false)

    init(of turns: LargeBodyTurns) { self.turns = turns }

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
