internal import CeleryTransport
internal import Logging

/// Consumes over one connection. The connection closes when nothing refers to the consumer any more.
final class RabbitMQConsumer: Consumer {
    private let mailbox = DeliveryMailbox()
    private let orders = ConsumerOrders()
    private let connection: ConsumeConnection

    init(_ configuration: ConsumerConfiguration, logger: Logger) throws(TransportError) {
        connection = try ConsumeConnection(configuration, mailbox: mailbox, orders: orders, logger: logger)
    }

    func open(_ connect: @Sendable () throws(TransportError) -> AMQPLink) async throws {
        let connection = connection
        mailbox.whenRoom { [weak connection] in connection?.nudge() }
        try await connection.open(connect)
    }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        try await mailbox.receive(room: room, deliver)
    }

    func roomHasGrown() { mailbox.roomHasGrown() }

    func holds(_ tag: DeliveryTag) -> Bool { !orders.hasEnded }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        if orders.settle(tag.value, settlement) { connection.nudge() }
    }

    func flush() async {
        await connection.flush()
    }

    /// RabbitMQ keeps no message for later by itself.
    func park(_ tag: DeliveryTag, until date: Double, isUrgent: Bool) -> Bool { false }

    func adjustPrefetch(extra: Int) {
        orders.adjustPrefetch(extra: extra)
        connection.nudge()
    }

    func stop() async {
        await connection.stop()
    }

    func close() async {
        await connection.close()
    }
}
