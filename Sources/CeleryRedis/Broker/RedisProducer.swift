internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Publishes to kombu's lists on Redis.
final class RedisProducer: Producer {
    let connection: RedisConnection
    let keys: KombuKeys
    /// The queues whose bindings this connection has written.
    private let declared = Locked<Set<Queue>>([])
    private let logger: Logger
    /// Messages that no queue is bound for.
    private let dropped = Locked(OutageLog())
    /// Bindings that Redis refuses.
    private let refused = Locked(OutageLog())

    init(_ connection: RedisConnection, keys: KombuKeys, logger: Logger) {
        self.connection = connection
        self.keys = keys
        self.logger = logger
    }

    func publish(_ message: Message, to destination: Destination) async throws {
        let message = Self.addressed(message, to: destination)
        if destination.queue?.exchangeType == .fanout { return try await announce(message, to: destination) }
        var pipeline = RedisPipeline()
        let undeclared = destination.queue.flatMap { queue in
            declared.withLock { $0.contains(queue) } ? nil : queue
        }
        if let undeclared { try keys.declare(undeclared, in: &pipeline) }
        var queues = [destination.routingKey]
        var declarations = pipeline.count
        if !destination.exchange.isEmpty {
            pipeline.append("SMEMBERS", keys.bindings(destination.exchange))
            let members = try await connection.sendAbandonably(pipeline).value()
            if let undeclared { declared.withLock { _ = $0.insert(undeclared) } }
            queues = KombuBinding.queues(for: destination.routingKey, in: keys.bindings(members))
            pipeline = RedisPipeline()
            declarations = 0
        }
        // As kombu does, which says nothing.
        guard !queues.isEmpty else {
            if destination.queue?.isExchangeAlone != true { logDropped(destination) }
            return
        }
        for queue in queues { try keys.checkQueue(queue) }
        let envelope = KombuEnvelope.encode(message)
        for queue in queues {
            pipeline.begin(3)
            pipeline.add("LPUSH")
            pipeline.add(keys.queue(queue, priority: message.properties.priority))
            pipeline.add(envelope)
        }
        let replies = try await connection.sendAbandonably(pipeline)
        for case .error(let text) in replies.dropFirst(declarations) {
            throw TransportError(refusal: text, of: "Redis refuses the message")
        }
        if declarations > 0, let undeclared { finishDeclaration(of: undeclared, replies.prefix(declarations)) }
    }

    /// Gives a message to everybody who listens at the moment.
    private func announce(_ message: Message, to destination: Destination) async throws {
        var pipeline = RedisPipeline()
        pipeline.begin(3)
        pipeline.add("PUBLISH")
        pipeline.add(keys.channel(destination.exchange, destination.routingKey))
        pipeline.add(KombuEnvelope.encode(message))
        _ = try await connection.sendAbandonably(pipeline).value()
    }

    /// The message with what kombu's envelope says of its way.
    static func addressed(_ message: Message, to destination: Destination) -> Message {
        var message = message
        message.properties.exchange = destination.exchange
        message.properties.routingKey = destination.routingKey
        message.properties.deliveryTag = RandomID.make()
        return message
    }

    /// Whether messages for this destination go to the list of its routing key, and nothing else is to be done.
    func isDirect(_ destination: Destination) -> Bool {
        destination.exchange.isEmpty
            && destination.queue.map { queue in declared.withLock { $0.contains(queue) } } ?? true
    }

    /// At once, and then in growing intervals with how many there were.
    private func logDropped(_ destination: Destination) {
        guard let count = dropped.withLock({ $0.failed() }) else { return }
        let (exchange, key) = (LogText.name(destination.exchange), LogText.name(destination.routingKey))
        logger.warning(
            "dropped messages: no queue is bound by their routing key",
            metadata: ["celery.exchange": "\(exchange)", "celery.routing_key": "\(key)", "count": "\(count)"])
    }

    /// The message is in its queue whether it was declared or not, so that sending it again would be wrong.
    private func finishDeclaration(of queue: Queue, _ replies: ArraySlice<RESPValue>) {
        if let refusal = replies.lazy.compactMap(\.refusal).first {
            guard let count = refused.withLock({ $0.failed(because: refusal) }) else { return }
            logger.warning(
                "a queue's binding was refused",
                metadata: [
                    "celery.queue": "\(LogText.name(queue.name))", "error": "\(LogText(refusal))", "count": "\(count)",
                ])
        } else {
            declared.withLock { _ = $0.insert(queue) }
        }
    }

    func close() async {
        await connection.close()
    }
}
