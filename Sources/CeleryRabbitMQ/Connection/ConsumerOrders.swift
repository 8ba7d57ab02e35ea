internal import CeleryIO
internal import CeleryTransport

/// What a consumer's callers want done, collected without waiting for the connection's thread.
///
/// While messages stream in, acknowledgements wait a moment for others: one method and one write for each would cost
/// more than short tasks do, here and in the server.
final class ConsumerOrders: Sendable {
    struct Orders {
        var settlements: [(tag: UInt64, settlement: Settlement)] = []
        /// The prefetch count's surplus, when it has changed.
        var extraPrefetch: Int?
    }

    private struct State {
        var orders = Orders()
        /// When the orders are to be carried out at the latest; `nil` when there are none.
        var due: ContinuousClock.Instant?
        /// So many acknowledgements do not wait for others.
        var batch = 1
        var hasEnded = false

        mutating func take() -> Orders {
            defer { (orders, due) = (Orders(), nil) }
            return orders
        }
    }

    /// How long an acknowledgement waits for others.
    private static let acknowledgementDelay = Duration.milliseconds(1)

    private let state = Locked(State())

    /// Whether the connection's thread must be told.
    func settle(_ tag: UInt64, _ settlement: Settlement) -> Bool {
        state.withLock { state in
            state.orders.settlements.append((tag, settlement))
            if settlement == .acknowledge, state.orders.settlements.count < state.batch {
                guard state.due == nil else { return false }
                state.due = .now + Self.acknowledgementDelay
            } else {
                state.due = .now
            }
            return true
        }
    }

    /// Messages are being delivered, and so many of their acknowledgements may wait for each other. The connection's
    /// thread, which this is called on, looks for them by itself after the delay and need not be told of the first.
    func gatherAcknowledgements(upTo count: Int) {
        state.withLock { state in
            state.batch = count
            if count > 1, state.due == nil { state.due = .now + Self.acknowledgementDelay }
        }
    }

    func adjustPrefetch(extra: Int) {
        state.withLock { state in
            state.orders.extraPrefetch = extra
            state.due = .now
        }
    }

    /// The connection is lost: what was delivered over it is given to others.
    func end() { state.withLock { $0.hasEnded = true } }

    /// Whether the connection is lost.
    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    /// When there will be something to take.
    var due: ContinuousClock.Instant? { state.withLock { $0.due } }

    /// All orders since the last call, if they are due by now.
    func take(by now: ContinuousClock.Instant) -> Orders? {
        state.withLock { state in
            guard let due = state.due, due <= now else { return nil }
            return state.take()
        }
    }

    /// All orders since the last call.
    func takeAll() -> Orders {
        state.withLock { $0.take() }
    }
}
