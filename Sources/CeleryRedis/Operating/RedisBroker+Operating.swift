package import CeleryTransport
package import Logging

extension RedisBroker: OperableBroker {
    /// Deletes the lists of all priority steps, each in one step with the count.
    package func purge(_ queues: [String], logger: Logger) async throws -> [Int] {
        try await operating(logger) { connection, keys in
            var pipeline = RedisPipeline()
            for queue in queues {
                try keys.checkQueue(queue)
                pipeline.begin(OperatingScript.purge, keys: keys.prioritySteps.count, arguments: 0)
                for step in keys.prioritySteps { pipeline.add(keys.list(of: queue, step: step)) }
            }
            let replies = try await connection.send(pipeline)
            return try replies.map { reply throws(TransportError) in try CollectionOfOne(reply).value().integer ?? 0 }
        }
    }

    /// What kombu's sets of bindings hold.
    package func bindings(logger: Logger) async throws -> [QueueBinding] {
        try await operating(logger) { connection, keys in
            let prefix = keys.bindings("")
            let exchanges = try await connection.scan(match: prefix + "*", type: "set").map {
                String($0.dropFirst(prefix.count))
            }
            let found = try await keys.bindings(of: Set(exchanges), on: connection)
            return try found.flatMap { exchange, bindings in
                try bindings.get().map { binding in
                    QueueBinding(queue: binding.queue, exchange: exchange, routingKey: binding.routingKey)
                }
            }.sorted()
        }
    }

    /// Does something over a connection of its own.
    func operating<Value>(
        _ logger: Logger, _ body: (RedisConnection, KombuKeys) async throws -> Value
    ) async throws -> Value {
        let address = try validAddress()
        let connection = try await RedisConnection.open(address, name: "celery-operate", logger: logger)
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(connection, options.keys(of: address)))
        } catch {
            outcome = .failure(error)
        }
        await connection.close()
        return try outcome.get()
    }
}

extension RedisConnection {
    /// The keys of a pattern and a type, in any order. The server goes on with its other work meanwhile.
    func scan(match pattern: String, type: String) async throws -> Set<String> {
        var found: Set<String> = []
        var cursor = "0"
        repeat {
            try Task.checkCancellation()
            let reply = try await call(
                RedisPipeline("SCAN", cursor, "MATCH", pattern, "COUNT", "1000", "TYPE", type))
            guard let parts = reply.array, parts.count == 2, let next = parts[0].text else {
                throw TransportError(.rejected, "Redis answers SCAN with something else")
            }
            found.formUnion((parts[1].array ?? []).compactMap(\.text))
            cursor = next
        } while cursor != "0"
        return found
    }
}
