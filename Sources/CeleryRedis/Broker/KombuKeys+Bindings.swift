internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension KombuKeys {
    /// Adds the commands that write a queue's binding.
    func declare(_ queue: Queue, in pipeline: inout RedisPipeline) throws(TransportError) {
        // What goes to a fanout exchange is announced, and waits in no list.
        guard queue.exchangeType != .fanout, !queue.isExchangeAlone else { return }
        try checkQueue(queue.name)
        guard !queue.exchange.isEmpty else { return }
        let member = KombuBinding(queue).member(separator: separator)
        pipeline.append("SADD", bindings(queue.exchange), member)
        guard let expires = queue.expires else {
            pipeline.append("SADD", permanentBindings(queue.exchange), member)
            return
        }
        // From then on any worker of Celery 5.7 may sweep away the exchange's bindings, unless one of them is permanent.
        let life = max(expires * Self.bindingLives, Self.shortestBinding)
        let deadline = Int(Date().timeIntervalSince1970 * 1000) + life.inMilliseconds
        pipeline.append("ZADD", bindingDeadlines, "GT", String(deadline), queue.exchange)
    }

    /// kombu's `BINDING_EXPIRES_FACTOR`: how much longer than its queue a binding lasts.
    private static let bindingLives = 2
    /// kombu's `MIN_BINDING_TTL`.
    private static let shortestBinding = Duration.seconds(3600)

    /// Adds the commands that delete the queues of a consumer, with what is in them, and their bindings.
    func delete(_ queues: [Queue], in pipeline: inout RedisPipeline) {
        for queue in queues where !queue.exchange.isEmpty {
            let member = KombuBinding(queue).member(separator: separator)
            pipeline.append("SREM", bindings(queue.exchange), member)
            pipeline.append("SREM", permanentBindings(queue.exchange), member)
        }
        let lists = queues.flatMap { queue in prioritySteps.map { list(of: queue.name, step: $0) } }
        pipeline.begin(1 + lists.count)
        pipeline.add("DEL")
        for list in lists { pipeline.add(list) }
    }

    /// The bindings of exchanges, or what Redis says against reading them.
    func bindings(
        of exchanges: Set<String>, on connection: RedisConnection
    ) async throws -> [String: Result<[KombuBinding], TransportError>] {
        let exchanges = Array(exchanges)
        var pipeline = RedisPipeline()
        for exchange in exchanges { pipeline.append("SMEMBERS", bindings(exchange)) }
        var bindings: [String: Result<[KombuBinding], TransportError>] = [:]
        for (exchange, reply) in zip(exchanges, try await connection.send(pipeline)) {
            bindings[exchange] =
                reply.refusal.map { .failure(TransportError(refusal: $0)) } ?? .success(self.bindings(reply))
        }
        return bindings
    }

    /// The bindings that a set holds.
    func bindings(_ members: RESPValue) -> [KombuBinding] {
        (members.array ?? []).compactMap { $0.text.flatMap { KombuBinding($0, separator: separator) } }
    }
}
