internal import CeleryProtocol
package import CeleryTransport
package import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

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

    package func reports(on queues: [String], logger: Logger) async throws -> [QueueReport] {
        try await operating(logger) { connection, keys in
            for queue in queues { try keys.checkQueue(queue) }
            let held = try await HeldCount(connection, keys).byQueue()
            var reports: [QueueReport] = []
            for queue in queues {
                var report = QueueReport(queue)
                report.held = held[queue] ?? 0
                try await Self.read(&report, on: connection, keys)
                reports.append(report)
            }
            return reports
        }
    }

    private static func read(
        _ report: inout QueueReport, on connection: RedisConnection, _ keys: KombuKeys
    ) async throws {
        let lists = keys.prioritySteps.map { keys.list(of: report.name, step: $0) }
        var pipeline = RedisPipeline()
        for list in lists {
            pipeline.append("LLEN", list)
            // The next to be served has waited longest.
            pipeline.append("LINDEX", list, "-1")
        }
        let replies = try await connection.send(pipeline)
        _ = try replies.value()
        for (position, step) in keys.prioritySteps.enumerated() {
            report.steps.append(.init(priority: step, waiting: replies[2 * position].integer ?? 0))
            guard let date = replies[2 * position + 1].bytes.flatMap(Self.dateSent) else { continue }
            report.oldest = min(report.oldest ?? date, date)
        }
        report.waiting = report.steps.reduce(0) { $0 + $1.waiting }
    }

    /// What a sender has written as AMQP's `timestamp`. Celery writes none unless it is told to.
    private static func dateSent(_ envelope: [UInt8]) -> Date? {
        guard case .success(let value) = Result(catching: { try JSONValue(json: envelope) }) else { return nil }
        let properties = value.objectValue?["properties"]?.objectValue
        guard let seconds = properties?["timestamp"]?.doubleValue, seconds > 0, seconds < 1e11 else { return nil }
        return Date(timeIntervalSince1970: seconds)
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

    func operating<Value>(
        _ logger: Logger, _ body: (RedisConnection, KombuKeys) async throws -> Value
    ) async throws -> Value {
        let address = try validAddress()
        return try await withConnection("celery-operate", logger) { try await body($0, options.keys(of: address)) }
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
