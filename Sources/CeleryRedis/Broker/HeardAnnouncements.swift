internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

/// What consumers have received from fanout exchanges. A worker that changes its queues changes over to another consumer,
/// and both listen for a moment: what one has received the other does not deliver.
final class HeardAnnouncements: Sendable {
    private let ids = Locked(RecentIDs(limit: 10_000))

    /// Notes a message; whether no consumer of a queue of this name has received it.
    func isNew(_ delivery: Delivery) -> Bool {
        // As kombu, which gives each message a tag of its own, and lets those without one pass.
        guard case .success(let message) = delivery.message, let tag = message.properties.deliveryTag else {
            return true
        }
        return ids.withLock { $0.insert("\(delivery.queue) \(tag)") }
    }
}
