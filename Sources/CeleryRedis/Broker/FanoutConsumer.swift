internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import DequeModule
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Consumes what is announced to fanout exchanges on Redis. Whoever does not listen at the moment never gets it, and nobody
/// owes Redis an answer.
final class FanoutConsumer: Consumer {
    private struct State {
        var waiting: Deque<Delivery> = []
        var next: UInt64 = 1
        /// How many were dropped since the log said so.
        var dropped = OutageLog()
        var unconfirmed: Set<String>
        var failure: TransportError?
        var isStopped = false
    }

    /// What has come, apart from the connection, which holds it.
    private final class Inbox: Sendable {
        /// More are not kept for a reader that does not come for them.
        static let limit = 10_000

        let state: Locked<State>
        let news = WakeSignal()
        /// Settled when Redis has confirmed all subscriptions.
        let isListening = Waiter<Void>()
        /// The names of queues, by channel or pattern.
        private let queues: [String: String]
        private let logger: Logger

        init(_ queues: [String: String], logger: Logger) {
            self.queues = queues
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
            news.signal()
        }

        private func confirm(_ name: String) {
            let isComplete = state.withLock { state in
                state.unconfirmed.remove(name)
                return state.unconfirmed.isEmpty
            }
            if isComplete { isListening.settle(.success(())) }
        }

        private func keep(_ envelope: [UInt8], from queue: String) {
            let message = Result { () throws(MessageError) in try KombuEnvelope.decode(envelope) }
            let dropped = state.withLock { state in
                state.waiting.append(
                    Delivery(tag: DeliveryTag(state.next), queue: queue, message: message, raw: envelope))
                state.next += 1
                guard state.waiting.count > Self.limit else { return Int?.none }
                state.waiting.removeFirst()
                return state.dropped.failed()
            }
            guard let dropped else { return }
            logger.warning(
                "dropped announced messages: they are not read as fast as they come",
                metadata: ["count": "\(dropped)", "limit": "\(Self.limit)"])
        }

        func fail(_ error: TransportError) {
            state.withLock { $0.failure = $0.failure ?? error }
            isListening.settle(.failure(error))
            news.signal()
        }
    }

    private let inbox: Inbox
    private let connection: RedisConnection

    /// Connects and subscribes; what is announced from its return on is received.
    static func open(
        _ address: RedisAddress, _ configuration: ConsumerConfiguration, keys: KombuKeys, logger: Logger
    ) async throws -> FanoutConsumer {
        var queues: [String: String] = [:]
        for queue in configuration.queues { queues[keys.channel(queue.exchange, queue.routingKey)] = queue.name }
        let inbox = Inbox(queues, logger: logger)
        let connection = try await RedisConnection.open(
            address, name: "celery-fanout", logger: logger, onMessages: { inbox.take($0) },
            onLoss: { inbox.fail($0) })
        let consumer = FanoutConsumer(inbox, connection)
        do {
            try connection.subscribe { subscriptions(to: queues.keys) }
            try await inbox.isListening.value()
            return consumer
        } catch {
            connection.cut()
            throw error
        }
    }

    private init(_ inbox: Inbox, _ connection: RedisConnection) {
        self.inbox = inbox
        self.connection = connection
    }

    /// A channel is subscribed to as such where that is enough: Redis looks through all patterns for each message, and may
    /// allow a user a channel but no pattern.
    private static func subscriptions(to channels: some Collection<String>) -> RedisPipeline {
        var pipeline = RedisPipeline()
        for channel in channels { pipeline.append(channel.contains("*") ? "PSUBSCRIBE" : "SUBSCRIBE", channel) }
        return pipeline
    }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        while true {
            try Task.checkCancellation()
            // First: whatever is asked after it is not missed.
            inbox.news.clear()
            let limit = room()
            let (deliveries, failure, isStopped) = inbox.state.withLock { state in
                let count = max(0, min(limit, state.waiting.count))
                defer { state.waiting.removeFirst(count) }
                return (Array(state.waiting.prefix(count)), state.failure, state.isStopped)
            }
            if isStopped { throw CancellationError() }
            if !deliveries.isEmpty {
                deliver(deliveries)
            } else if let failure {
                throw failure
            } else {
                try await inbox.news.wait()
            }
        }
    }

    func roomHasGrown() { inbox.news.signal() }

    /// Nobody else gets this one's copy.
    func holds(_ tag: DeliveryTag) -> Bool { true }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {}

    func flush() async {}

    func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool { false }

    func adjustPrefetch(extra: Int) {}

    func stop() async {
        inbox.state.withLock { $0.isStopped = true }
        inbox.news.signal()
    }

    func close() async {
        await stop()
        await connection.close()
    }
}
