internal import CeleryTransport

extension KombuKeys {
    /// Adds the commands that write a queue's binding.
    func declare(_ queue: Queue, in pipeline: inout RedisPipeline) throws(TransportError) {
        // What goes to a fanout exchange is announced, and waits in no list.
        guard queue.exchangeType != .fanout, !queue.isExchangeAlone else { return }
        try checkQueue(queue.name)
        guard !queue.exchange.isEmpty else { return }
        let member = KombuBinding(queue).member(separator: separator)
        pipeline.append("SADD", bindings(queue.exchange), member)
        pipeline.append("SADD", permanentBindings(queue.exchange), member)
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
