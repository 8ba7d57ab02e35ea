internal import CeleryIO
internal import CeleryTransport

/// What a consumer's callers want done, collected without waiting for the connection's thread.
final class ConsumerOrders: Sendable {
    struct Orders {
        var settlements: [(tag: UInt64, settlement: Settlement)] = []
        /// The prefetch count's surplus, when it has changed.
        var extraPrefetch: Int?
    }

    private let orders = Locked(Orders())

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        orders.withLock { $0.settlements.append((tag, settlement)) }
    }

    func adjustPrefetch(extra: Int) {
        orders.withLock { $0.extraPrefetch = extra }
    }

    /// All orders since the last call.
    func take() -> Orders {
        orders.withLock { orders in
            defer { orders = Orders() }
            return orders
        }
    }
}
