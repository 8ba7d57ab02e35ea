internal import CeleryProtocol
internal import CeleryTransport
internal import Synchronization

/// Publishes to kombu's lists on Redis.
final class RedisProducer: Producer {
    private let connection: RedisConnection
    private let keys = KombuKeys()
    /// The queues whose bindings this connection has written.
    private let declared = Mutex<Set<Queue>>([])

    init(_ connection: RedisConnection) {
        self.connection = connection
    }

    func publish(_ message: Message, to destination: Destination) async throws {
        var message = message
        message.properties.exchange = destination.exchange
        message.properties.routingKey = destination.routingKey
        message.properties.deliveryTag = RandomID.make()
        var pipeline = RedisPipeline()
        let isNew = destination.queue.map { queue in declared.withLock { $0.insert(queue).inserted } } ?? false
        if isNew, let queue = destination.queue { keys.declare(queue, in: &pipeline) }
        let queues: [String]
        if destination.exchange.isEmpty {
            queues = [destination.routingKey]
        } else {
            if pipeline.count > 0 { _ = try await connection.send(pipeline) }
            pipeline = RedisPipeline()
            queues = try await keys.queues(
                exchange: destination.exchange, routingKey: destination.routingKey, on: connection)
        }
        guard !queues.isEmpty else { return }
        let envelope = KombuEnvelope.encode(message)
        for queue in queues {
            pipeline.begin(3)
            pipeline.add("LPUSH")
            pipeline.add(keys.queue(queue, priority: message.properties.priority))
            pipeline.add(envelope)
        }
        for case .error(let text) in try await connection.send(pipeline) {
            throw TransportError(.rejected, "Redis refuses the message: \(text)")
        }
    }

    func close() async {
        await connection.close()
    }
}

extension KombuKeys {
    /// Adds the commands that write a queue's binding.
    func declare(_ queue: Queue, in pipeline: inout RedisPipeline) {
        guard !queue.exchange.isEmpty else { return }
        let member = KombuBinding(queue).member
        pipeline.append("SADD", bindings(queue.exchange), member)
        pipeline.append("SADD", permanentBindings(queue.exchange), member)
    }

    /// The queues that a message goes to.
    func queues(exchange: String, routingKey: String, on connection: RedisConnection) async throws -> [String] {
        if exchange.isEmpty { return [routingKey] }
        let members = try await connection.call(RedisPipeline("SMEMBERS", bindings(exchange)))
        return (members.array ?? []).compactMap { $0.text.flatMap(KombuBinding.init) }
            .filter { $0.matches(routingKey) }
            .map(\.queue)
    }
}
