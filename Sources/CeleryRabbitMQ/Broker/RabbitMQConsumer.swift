internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Consumes over one connection. The connection closes when nothing refers to the consumer any more.
final class RabbitMQConsumer: Consumer {
    /// As many messages may lie in the mailbox, where no prefetch count limits them, before the next are left to the
    /// server.
    private static let mailboxLimit = 65_536

    private let mailbox: DeliveryMailbox
    private let connection: AMQPConnection<ConsumerMachine>
    private let logger: Logger

    private init(
        _ configuration: ConsumerConfiguration, memory: BrokerMemory, logger: Logger
    ) throws(TransportError) {
        let mailbox = DeliveryMailbox()
        self.mailbox = mailbox
        self.logger = logger
        let isAutoAcknowledging = configuration.isAutoAcknowledging
        connection = try AMQPConnection(
            name: "amqp-consume", ConsumerMachine(configuration, acknowledged: memory.acknowledged)
        ) {
            mailbox.hasRoom(below: Self.mailboxLimit)
        } perform: { action, connection in
            switch action {
            case .deliver(let deliveries):
                // Stopped meanwhile.
                if !mailbox.put(deliveries) { connection.tell { $0.giveBack(deliveries, now: $1) } }
            case .ended(let error):
                // The server delivers all of it again, and nobody may see it twice because of us; unless it takes for
                // settled what it has sent.
                mailbox.end(error, keepsDeliveries: isAutoAcknowledging)
            case .log(let level, let message, let metadata): logger.log(level: level, message, metadata: metadata)
            case .complete: break
            }
        }
        mailbox.whenRoom { [weak connection] in connection?.nudge() }
    }

    /// Connects, declares the queues and begins to consume.
    ///
    /// A queue may be of a kind that knows no prefetch limit for a whole channel, by the virtual host's default: then
    /// it is done once more, with limits for each consumer.
    ///
    /// - Parameter connect: makes a connection; may block its thread.
    static func open(
        _ configuration: ConsumerConfiguration, memory: BrokerMemory, logger: Logger,
        _ connect: @escaping @Sendable () throws(TransportError) -> AMQPLink
    ) async throws -> RabbitMQConsumer {
        do {
            return try await openOnce(configuration, memory: memory, logger: logger, connect)
        } catch let error as TransportError {
            guard let fault = error.underlyingError as? ServerFault, fault.code == 540,
                fault.text.contains("global qos"),
                !memory.refusesGlobalLimit.exchange(true, ordering: .relaxed)
            else { throw error }
            logger.info(
                "a queue knows no prefetch count for several consumers together, each gets its own",
                metadata: ["reason": "\(LogText(fault.text))"])
            return try await openOnce(configuration, memory: memory, logger: logger, connect)
        }
    }

    private static func openOnce(
        _ configuration: ConsumerConfiguration, memory: BrokerMemory, logger: Logger,
        _ connect: @escaping @Sendable () throws(TransportError) -> AMQPLink
    ) async throws -> RabbitMQConsumer {
        let consumer = try RabbitMQConsumer(configuration, memory: memory, logger: logger)
        try await consumer.connection.open(connect) { machine, link, token, now in
            let isGlobal =
                PrefetchRule(serverVersion: link.agreement.serverVersion, queues: configuration.queues).isGlobal
                && !memory.refusesGlobalLimit.load(ordering: .relaxed)
            return machine.open(link, isLimitGlobal: isGlobal, token: token, now: now)
        }
        return consumer
    }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        try await mailbox.receive(room: room, deliver)
    }

    func roomHasGrown() { mailbox.roomHasGrown() }

    func holds(_ tag: DeliveryTag) -> Bool {
        var isHeld = false
        connection.tell { machine, now in
            isHeld = machine.holds(tag.value, now: now)
            return []
        }
        return isHeld
    }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        connection.tell { $0.settle(tag.value, settlement, now: $1) }
    }

    /// In one step: what is acknowledged after the connection has ended would be remembered as done when it comes again.
    func acknowledge(_ tag: DeliveryTag) -> Bool {
        var isHeld = false
        connection.tell { machine, now in
            isHeld = machine.holds(tag.value, now: now)
            return isHeld ? machine.settle(tag.value, .acknowledge, now: now) : []
        }
        return isHeld
    }

    func flush() async {
        do {
            try await connection.ask { $0.flush(token: $1, now: $2) }
        } catch {
            // The connection is lost, which the receiver hears of.
        }
    }

    /// RabbitMQ keeps no message for later by itself.
    func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool { false }

    func adjustPrefetch(extra: Int) {
        connection.tell { $0.adjustPrefetch(extra: extra, now: $1) }
    }

    /// Ends the consumers and gives back what nobody has received.
    func stop() async {
        await finish { [mailbox, nudge = connection.nudge] machine, token, now in
            let actions = machine.stop(token: token, now: now)
            // Given back behind the cancellations, so that it does not come again, and before their answers: these are
            // not read while the mailbox is full.
            let rest = mailbox.end(TransportError(.closed, "the consumer was stopped"))
            // A full mailbox has kept the thread from reading, and it never is again.
            defer { nudge() }
            return actions + machine.giveBack(rest, now: now)
        }
    }

    func close() async {
        let closed = TransportError(.closed, "the consumer was closed")
        mailbox.end(closed)
        connection.nudge()
        await finish { $0.close(token: $1, now: $2) }
        connection.end(closed)
    }

    private func finish(
        _ input: (inout ConsumerMachine, _ token: UInt64, _ now: ContinuousClock.Instant) -> [ConnectionAction]
    ) async {
        do {
            try await connection.ask(input)
        } catch {
            // It is over all the same, and the server gives back what was not settled.
            logger.debug("the consumer has ended without a goodbye", metadata: ["error": "\(error)"])
        }
    }
}
