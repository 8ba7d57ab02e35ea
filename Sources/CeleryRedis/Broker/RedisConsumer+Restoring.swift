internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Putting held messages back where they came from.
extension RedisConsumer {
    /// How many messages left behind are looked at in one go.
    private static let overdueBatch = 100

    private enum PutBack {
        /// To the end that is served last.
        case last
        /// To the end that is served next.
        case next

        var command: String { self == .last ? "LPUSH" : "RPUSH" }
    }

    /// Restores the messages of `unacked` whose visibility timeout is over: their worker is gone, Python's or ours,
    /// or they were parked for their eta.
    func restoreOverdue() async throws {
        while true {
            let limit = Date().timeIntervalSince1970 - visibilityTimeout
            var pipeline = RedisPipeline()
            scripts.begin(.overdue, keys: 2, arguments: 2, in: &pipeline)
            pipeline.add(keys.unacked)
            pipeline.add(keys.unackedIndex)
            pipeline.add(String(limit))
            pipeline.add(String(Self.overdueBatch))
            let found = try await LoadedScripts.call(pipeline, on: connection).array ?? []
            for index in stride(from: 0, to: found.count - 1, by: 2) {
                guard let tag = found[index].text, let entry = found[index + 1].bytes else { continue }
                try await restore(tag: tag, entry: entry, limit: limit)
            }
            if found.count < 2 * Self.overdueBatch { return }
        }
    }

    private func restore(tag: String, entry: [UInt8], limit: Double) async throws {
        guard let (message, exchange, routingKey) = Self.redelivered(entry) else {
            logger.error(
                "a held message is not in kombu's form and goes to the dead letters",
                metadata: ["celery.redis.tag": "\(tag)"])
            _ = try await putBack(tag, entry, to: [keys.deadLetters("unacked")], .last, limit: limit)
            return
        }
        var queues = try await keys.queues(exchange: exchange, routingKey: routingKey, on: connection)
        // Nothing is bound there any more: the routing key is the queue's name in all of Celery's own routes.
        if queues.isEmpty { queues = [routingKey] }
        let priority = Self.priority(of: message)
        let lists = queues.map { keys.queue($0, priority: priority) }
        if try await putBack(tag, JSONValue.object(message).serialized(), to: lists, .next, limit: limit) {
            logger.debug("restored a message that was left behind", metadata: ["celery.queue": "\(queues)"])
        }
    }

    /// Gives a message that this consumer holds back, to be delivered next.
    func restore(_ number: UInt64, queue: String) async {
        await giveBack(number, queue: queue, .next)
    }

    /// Gives a message that this consumer holds back, to be delivered after all others.
    func requeue(_ number: UInt64, queue: String) async {
        await giveBack(number, queue: queue, .last)
    }

    /// Moves a message that this consumer holds, as it is, to the list of its queue's dead letters.
    func bury(_ number: UInt64, queue: String) async {
        do {
            guard let entry = try await entry(number) else { return }
            // The entry is `[envelope, "", queue]`: the envelope is cut out, because it may not be JSON at all.
            let end = Self.entryEnd(queue)
            let envelope =
                entry.starts(with: [UInt8(ascii: "[")]) && entry.count > end.count
                ? Array(entry[1..<(entry.count - end.count)]) : entry
            _ = try await putBack(held.tag(number), envelope, to: [keys.deadLetters(queue)], .last, limit: .infinity)
        } catch {
            logFailure("cannot move a message to the dead letters; it comes back later", error)
        }
    }

    private func giveBack(_ number: UInt64, queue: String, _ end: PutBack) async {
        do {
            guard let entry = try await entry(number) else { return }
            guard let (message, _, _) = Self.redelivered(entry) else { return await bury(number, queue: queue) }
            let priority = Self.priority(of: message)
            _ = try await putBack(
                held.tag(number), JSONValue.object(message).serialized(), to: [keys.queue(queue, priority: priority)],
                end, limit: .infinity)
        } catch {
            logFailure("cannot give a message back; it comes back later", error)
        }
    }

    private func entry(_ number: UInt64) async throws -> [UInt8]? {
        try await connection.call(RedisPipeline("HGET", keys.unacked, held.tag(number))).bytes
    }

    private func putBack(
        _ tag: String, _ message: [UInt8], to lists: [String], _ end: PutBack, limit: Double
    ) async throws -> Bool {
        var pipeline = RedisPipeline()
        scripts.begin(.putBack, keys: 2 + lists.count, arguments: 4, in: &pipeline)
        pipeline.add(keys.unacked)
        pipeline.add(keys.unackedIndex)
        for list in lists { pipeline.add(list) }
        pipeline.add(tag)
        pipeline.add(limit == .infinity ? "inf" : String(limit))
        pipeline.add(end.command)
        pipeline.add(message)
        return try await LoadedScripts.call(pipeline, on: connection).integer == 1
    }

    private func logFailure(_ message: Logger.Message, _ error: any Error) {
        logger.error(message, metadata: ["error": "\(error)"])
    }

    /// Takes an entry of `unacked` apart and marks its envelope as delivered before; `nil` when it has another form.
    private static func redelivered(
        _ entry: [UInt8]
    ) -> (message: JSONObject, exchange: String, routingKey: String)? {
        guard case .array(let parts)? = parse(entry), parts.count == 3, case .object(var message) = parts[0] else {
            return nil
        }
        var headers = message["headers"]?.objectValue ?? [:]
        headers["redelivered"] = true
        message["headers"] = .object(headers)
        var properties = message["properties"]?.objectValue ?? [:]
        var info = properties["delivery_info"]?.objectValue ?? [:]
        info["redelivered"] = true
        properties["delivery_info"] = .object(info)
        message["properties"] = .object(properties)
        return (message, parts[1].stringValue ?? "", parts[2].stringValue ?? "")
    }

    /// As kombu reads it: a number, or text that is one.
    private static func priority(of message: JSONObject) -> Int? {
        let priority = message["properties"]?.objectValue?["priority"]
        return priority?.integerValue ?? priority?.stringValue.flatMap { Int($0) }
    }

    private static func parse(_ bytes: [UInt8]) -> JSONValue? {
        do {
            return try JSONValue(json: bytes)
        } catch {
            return nil
        }
    }
}
