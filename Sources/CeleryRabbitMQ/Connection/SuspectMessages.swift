internal import CeleryIO

/// Messages under way when the server closed something over one of them without a word that tells which. The next time
/// each is sent alone, so that the one at fault is found, and the others go through.
///
/// Shared by the producers of a broker, one after the other.
final class SuspectMessages: Sendable {
    /// More are not remembered. So many are never under way.
    private static let limit = 20_000

    private let identities = Locked<Set<MessageIdentity>>([])

    func insert(_ message: MessageIdentity) {
        identities.withLock { identities in
            if identities.count < Self.limit { identities.insert(message) }
        }
    }

    func contains(_ message: MessageIdentity) -> Bool { identities.withLock { $0.contains(message) } }

    func remove(_ message: MessageIdentity) { identities.withLock { _ = $0.remove(message) } }

    var isEmpty: Bool { identities.withLock { $0.isEmpty } }
}
