internal import CeleryIO
internal import DequeModule

/// Messages that were acknowledged over a connection which was lost, so that perhaps the server has not heard of it and
/// delivers them again. They were seen to, and are not to be again.
///
/// Shared by the consumers of a broker, one after the other.
final class AcknowledgedMessages: Sendable {
    private struct State {
        var identities: Set<MessageIdentity> = []
        var order: Deque<MessageIdentity> = []
    }

    /// More than this are not remembered: the oldest ones are forgotten.
    static let limit = 100_000

    private let state = Locked(State())

    /// Remembers these; how many older ones had to be forgotten for them.
    func insert(_ identities: some Sequence<MessageIdentity>) -> Int {
        state.withLock { state in
            for identity in identities where state.identities.insert(identity).inserted {
                state.order.append(identity)
            }
            var forgotten = 0
            while state.order.count > Self.limit, let oldest = state.order.popFirst() {
                if state.identities.remove(oldest) != nil { forgotten += 1 }
            }
            return forgotten
        }
    }

    /// Whether the message is one of them; it is none any more afterwards.
    func remove(_ identity: MessageIdentity) -> Bool {
        state.withLock { $0.identities.remove(identity) != nil }
    }

    /// How many there are.
    var count: Int { state.withLock { $0.identities.count } }
}
