internal import CeleryIO

/// What a receiving call, which gets the two closures of ``Consumer/receive(room:_:)``, delivers first.
package func firstDeliveries(
    upTo limit: Int,
    of receive:
        @escaping @concurrent @Sendable (
            _ room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
        ) async throws -> Void
) async throws -> [Delivery] {
    let first = FirstDeliveries()
    let outcome = await withTaskGroup(of: Result<Void, any Error>.self) { group in
        group.addTask {
            await Result { try await receive({ first.isEmpty ? limit : 0 }, { first.take($0) }) }
        }
        group.addTask { await Result { try await first.hasCome.wait() } }
        defer { group.cancelAll() }
        return await group.next()
    }
    let deliveries = first.deliveries
    if deliveries.isEmpty { try outcome?.get() }
    return deliveries
}

private final class FirstDeliveries: Sendable {
    private let received = Locked<[Delivery]>([])
    let hasCome = WakeSignal()

    var deliveries: [Delivery] { received.withLock { $0 } }
    var isEmpty: Bool { received.withLock { $0.isEmpty } }

    func take(_ deliveries: [Delivery]) {
        // Some may have been on their way when the first came.
        received.withLock { $0 += deliveries }
        hasCome.signal()
    }
}
