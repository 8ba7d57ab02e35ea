internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Consumes what is announced to fanout exchanges on Redis. Whoever does not listen at the moment never gets it, and nobody
/// owes Redis an answer.
final class FanoutConsumer: InboxConsumer {
    /// More are not kept for a reader that does not come for them.
    private static let limit = 10_000

    /// What the server says over a connection, apart from the connection, which holds it.
    private final class Subscriptions: Sendable {
        private struct State {
            /// How many were dropped since the log said so.
            var dropped = OutageLog()
            var unconfirmed: Set<String>
        }

        /// Settled when Redis has confirmed all subscriptions.
        let areConfirmed = Waiter<Void>()
        private let inbox: Inbox
        /// The names of queues, by channel or pattern.
        private let queues: [String: String]
        private let state: Locked<State>
        private let logger: Logger

        init(_ queues: [String: String], _ inbox: Inbox, logger: Logger) {
            self.queues = queues
            self.inbox = inbox
            self.logger = logger
            state = Locked(State(unconfirmed: Set(queues.keys)))
        }

        func take(_ messages: [RESPValue]) {
            for message in messages {
                if let refusal = message.refusal {
                    fail(TransportError(.refused, "Redis refuses to announce what is sent to everybody: \(refusal)"))
                } else if let parts = message.array, let kind = parts.first?.text, parts.count >= 3 {
                    let name = parts[1].text ?? ""
                    switch kind {
                    case "message", "pmessage":
                        if let bytes = parts.last?.bytes { keep(bytes, from: queues[name] ?? "") }
                    case "subscribe", "psubscribe": confirm(name)
                    default: break
                    }
                }
            }
            inbox.signal()
        }

        private func confirm(_ name: String) {
            let isComplete = state.withLock { state in
                state.unconfirmed.remove(name)
                return state.unconfirmed.isEmpty
            }
            if isComplete { areConfirmed.settle(.success(())) }
        }

        private func keep(_ envelope: [UInt8], from queue: String) {
            let message = Result { () throws(MessageError) in try KombuEnvelope.decode(envelope) }
            let isDropping = inbox.add(keeping: FanoutConsumer.limit) { number in
                Delivery(tag: DeliveryTag(number), queue: queue, message: message, raw: envelope)
            }
            guard isDropping, let count = state.withLock({ $0.dropped.failed() }) else { return }
            logger.warning(
                "dropped announced messages: they are not read as fast as they come",
                metadata: ["count": "\(count)", "limit": "\(FanoutConsumer.limit)"])
        }

        func fail(_ error: TransportError) {
            inbox.fail(error)
            areConfirmed.settle(.failure(error))
        }
    }

    /// The tags of announced messages begin here, so that they are told from those of messages that are held.
    static let firstNumber: UInt64 = 1 << 62

    let inbox: Inbox
    private let connection: RedisConnection
    /// What has been received from queues of these names; `nil` where the consumer is the only one of its queues.
    private let heard: HeardAnnouncements?
    private let unkept = Locked(OutageLog())
    private let logger: Logger

    /// Connects and subscribes; what is announced from its return on is received.
    ///
    /// - Parameters:
    ///   - firstNumber: the number in the tag of the first message.
    ///   - heard: what other consumers of the same queues have received, which is not delivered again.
    static func open(
        _ address: RedisAddress, _ configuration: ConsumerConfiguration, keys: KombuKeys,
        firstNumber: UInt64 = firstNumber, heard: HeardAnnouncements?, logger: Logger
    ) async throws -> FanoutConsumer {
        var queues: [String: String] = [:]
        for queue in configuration.queues { queues[keys.channel(queue.exchange, queue.routingKey)] = queue.name }
        let inbox = Inbox(firstNumber: firstNumber)
        let subscriptions = Subscriptions(queues, inbox, logger: logger)
        let connection = try await RedisConnection.open(
            address, name: "celery-fanout", logger: logger, onMessages: { subscriptions.take($0) },
            onLoss: { subscriptions.fail($0) })
        let consumer = FanoutConsumer(inbox, connection, configuration.isAutoAcknowledging ? nil : heard, logger)
        do {
            try connection.subscribe { Self.commands(subscribingTo: queues.keys) }
            try await subscriptions.areConfirmed.value()
            return consumer
        } catch {
            connection.cut()
            throw error
        }
    }

    private init(
        _ inbox: Inbox, _ connection: RedisConnection, _ heard: HeardAnnouncements?, _ logger: Logger
    ) {
        self.inbox = inbox
        self.connection = connection
        self.heard = heard
        self.logger = logger
    }

    /// The number in the tag of the next message.
    var nextNumber: UInt64 { inbox.nextNumber }

    /// A channel is subscribed to as such where that is enough: Redis looks through all patterns for each message, and may
    /// allow a user a channel but no pattern.
    private static func commands(subscribingTo channels: some Collection<String>) -> RedisPipeline {
        var pipeline = RedisPipeline()
        for channel in channels { pipeline.append(channel.contains("*") ? "PSUBSCRIBE" : "SUBSCRIBE", channel) }
        return pipeline
    }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        try await inbox.receive(room: room, deliver, where: { [heard] in heard?.isNew($0) ?? true })
    }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge, .discard: return
        case .requeue, .giveBack, .deadLetter: break
        }
        guard let count = unkept.withLock({ $0.failed() }) else { return }
        logger.warning(
            "announced messages that did not run are dropped: nobody keeps them on Redis",
            metadata: ["count": "\(count)"])
    }

    func close() async {
        await stop()
        await connection.close()
    }
}
