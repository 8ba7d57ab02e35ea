package import CeleryProtocol
package import CeleryTransport
package import Logging

extension RedisBroker {
    /// The lists that end with `.dead-letter`.
    package func deadLetterQueues(logger: Logger) async throws -> [String] {
        try await operating(logger) { connection, keys in
            try await connection.scan(match: "*" + keys.deadLetters(""), type: "list").sorted()
        }
    }

    /// A queue's list of dead letters, which may be named itself too.
    package func deadLetterQueue(of queue: String) -> String {
        queue.hasSuffix(options.keys.deadLetters("")) ? queue : options.keys.deadLetters(queue)
    }

    /// Goes through the list from its oldest entry on, as many as there are at the beginning: what comes back meanwhile
    /// stands behind them. Each entry goes from one list to the other in one step.
    package func settleDeadLetters(
        in queue: String, logger: Logger, _ decide: @escaping @Sendable (JSONObject) throws -> DeadLetterFate
    ) async throws -> DeadLetterReport {
        try await operating(logger) { connection, keys in
            var settlement = DeadLetterSettlement(queue, keys, connection)
            do {
                try await settlement.run(decide)
            } catch {
                settlement.report.end = error
            }
            return settlement.report
        }
    }
}

/// Moves and deletes entries of a list of dead letters.
struct DeadLetterSettlement {
    private static let page = 100

    private let queue: String
    private let keys: KombuKeys
    private let connection: RedisConnection
    var report = DeadLetterReport()

    init(_ queue: String, _ keys: KombuKeys, _ connection: RedisConnection) {
        self.queue = queue
        self.keys = keys
        self.connection = connection
    }

    /// An entry that does not stay.
    private struct Leaving {
        let raw: [UInt8]
        let fields: JSONObject
        /// The queue, its list and the entry there; `nil` to drop it.
        let target: (queue: String, list: String, envelope: [UInt8])?
    }

    mutating func run(_ decide: (JSONObject) throws -> DeadLetterFate) async throws {
        var left = try await connection.call(RedisPipeline("LLEN", queue)).integer ?? 0
        // So many at the right end stay.
        var staying = 0
        while left > 0 {
            try Task.checkCancellation()
            let count = min(left, Self.page)
            let range = RedisPipeline("LRANGE", queue, String(-(staying + count)), String(-(staying + 1)))
            let entries = try await connection.call(range).array?.compactMap(\.bytes) ?? []
            if entries.isEmpty { return }
            left -= entries.count
            var leaving: [Leaving] = []
            for raw in entries.reversed() {
                if let entry = try entry(raw, decide) {
                    leaving.append(entry)
                } else {
                    staying += 1
                }
            }
            try await settle(leaving)
        }
    }

    /// An entry that does not stay; `nil` for one that does.
    private mutating func entry(_ raw: [UInt8], _ decide: (JSONObject) throws -> DeadLetterFate) throws -> Leaving? {
        var fields: JSONObject = ["queue": .string(queue), "key": .string(queue)]
        fields.setBytes(raw, "raw")
        switch try decide(fields) {
        case .stays:
            report.stayed += 1
            return nil
        case .isDropped: return Leaving(raw: raw, fields: fields, target: nil)
        case .isRequeued(let target):
            do throws(TransportError) {
                return Leaving(raw: raw, fields: fields, target: try place(raw, in: target))
            } catch {
                report.failures.append((fields, error))
                return nil
            }
        }
    }

    /// Where an entry goes, and how it stands there.
    private func place(
        _ raw: [UInt8], in target: String?
    ) throws(TransportError) -> (queue: String, list: String, envelope: [UInt8]) {
        let origin = String(queue.dropLast(keys.deadLetters("").count))
        guard origin != keys.unacked else {
            throw TransportError(
                .rejected,
                "it was held when it was set aside and is in no form of a queue's: it can only be shown and dropped")
        }
        let name = target ?? origin
        try keys.checkQueue(name)
        return (
            name, keys.queue(name, priority: Self.priority(raw)),
            ResentEntry.renewed(raw, for: name == origin ? nil : name)
        )
    }

    private static func priority(_ raw: [UInt8]) -> Int? {
        guard case .success(let value) = Result(catching: { try JSONValue(json: raw) }) else { return nil }
        let priority = value.objectValue?["properties"]?.objectValue?["priority"]
        return priority?.integerValue ?? priority?.stringValue.flatMap { Int($0) }
    }

    private mutating func settle(_ leaving: [Leaving]) async throws {
        guard !leaving.isEmpty else { return }
        let lists = Array(Set(leaving.compactMap { $0.target?.list }))
        var pipeline = RedisPipeline()
        pipeline.begin(OperatingScript.settle, keys: 1 + lists.count, arguments: 3 * leaving.count)
        pipeline.add(queue)
        for list in lists { pipeline.add(list) }
        for entry in leaving {
            pipeline.add(entry.raw)
            // Lua counts from 1, and the first key is the list of dead letters.
            pipeline.add(String(entry.target.flatMap { lists.firstIndex(of: $0.list) }.map { $0 + 2 } ?? 0))
            pipeline.add(entry.target?.envelope ?? [])
        }
        let reply = try await connection.call(pipeline).array ?? []
        guard let counts = reply.first?.array else {
            throw TransportError(.rejected, "Redis answers a script with something else")
        }
        for (entry, count) in zip(leaving, counts) {
            if count.integer == 0 {
                report.gone += 1
            } else if let target = entry.target {
                report.requeued[target.queue, default: 0] += 1
            } else {
                report.dropped += 1
            }
        }
        if reply.count > 1, let refusal = reply[1].text { throw TransportError(refusal: refusal) }
    }
}
