internal import CeleryIO
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
    /// How many messages are put back in one go.
    private static let batch = 100
    /// After so many that were left behind, what came of them is looked at before the others.
    private static let largestRestoration = 2000

    enum PutBack {
        /// To the end that is served last.
        case last
        /// To the end that is served next.
        case next

        var command: String { self == .last ? "LPUSH" : "RPUSH" }
    }

    /// A message on its way back.
    private struct Returning {
        let tag: String
        let message: [UInt8]
        let lists: [String]
    }

    // MARK: Left behind by others

    /// Restores the messages of `unacked` whose visibility timeout is over: their worker is gone, Python's or ours,
    /// or they were parked for their eta.
    ///
    /// As in kombu the last one goes first, so that the first one is next in the queue again. One that cannot be put
    /// back stays where it is and does not keep others there.
    func restoreOverdue() async throws {
        let limit = Date().timeIntervalSince1970 - visibilityTimeout
        var refusals: [String] = []
        var count = 0
        while true {
            var pipeline = RedisPipeline()
            pipeline.begin(script: scripts.overdue, keys: 2, arguments: 3)
            pipeline.add(keys.unacked)
            pipeline.add(keys.unackedIndex)
            pipeline.add(String(limit))
            pipeline.add(String(refusals.count))
            pipeline.add(String(Self.batch))
            let reply = try await LoadedScripts.send(pipeline, on: link.commands).first
            guard let found = reply?.array else {
                refusals.append(reply?.refusal ?? "it answers with something else")
                break
            }
            let entries = stride(from: 0, to: found.count - 1, by: 2).compactMap { index in
                found[index].text.flatMap { tag in found[index + 1].bytes.map { (tag, $0) } }
            }
            let problems = try await restore(entries, limit: limit)
            refusals += problems
            count += entries.count - problems.count
            if found.count < 2 * Self.batch { break }
            if count >= Self.largestRestoration {
                news.checkIsDue()
                break
            }
        }
        let isNew = hasUnrestorable.withLock { had in
            defer { had = !refusals.isEmpty }
            return !had
        }
        if let refusal = refusals.first, isNew {
            logger.error(
                "messages that were left behind cannot be put back, trying again",
                metadata: ["count": "\(refusals.count)", "error": "\(refusal)"])
        }
    }

    /// Puts entries of `unacked` back; why some of them stay.
    private func restore(_ entries: [(tag: String, entry: [UInt8])], limit: Double) async throws -> [String] {
        let held = entries.map { ($0.tag, $0.entry, Self.redelivered($0.entry)) }
        let exchanges = Set(held.compactMap { $0.2?.exchange }.filter { !$0.isEmpty })
        let bindings = try await keys.bindings(of: exchanges, on: link.commands)
        var returning: [Returning] = []
        var refusals: [String] = []
        for (tag, entry, content) in held {
            if let exchange = content?.exchange, !exchange.isEmpty, bindings[exchange] == nil {
                refusals.append("the bindings of \(exchange) cannot be read")
                continue
            }
            let lists = content.map { self.lists(for: $0, bindings) } ?? []
            guard let content, !lists.isEmpty else {
                logger.error(
                    "a held message is not in kombu's form and goes to the dead letters",
                    metadata: ["celery.redis.tag": "\(tag)"])
                returning.append(Returning(tag: tag, message: entry, lists: [keys.deadLetters("unacked")]))
                continue
            }
            returning.append(
                Returning(tag: tag, message: JSONValue.object(content.message).serialized(), lists: lists))
        }
        let replies = try await putBack(returning, .next, limit: limit)
        let count = replies.count { $0.integer == 1 }
        if count > 0 { logger.debug("restored messages that were left behind", metadata: ["count": "\(count)"]) }
        return refusals + replies.compactMap(\.refusal)
    }

    /// The lists that an entry's message goes to; none when the entry names none.
    private func lists(for content: Content, _ bindings: [String: [KombuBinding]]) -> [String] {
        var queues = KombuBinding.queues(for: content.routingKey, in: bindings[content.exchange] ?? [])
        // Nothing is bound there any more: the routing key is the queue's name in all of Celery's own routes.
        if queues.isEmpty, !content.routingKey.isEmpty { queues = [content.routingKey] }
        let priority = Self.priority(of: content.message)
        return queues.map { keys.queue($0, priority: priority) }
    }

    // MARK: Held by this consumer

    /// Gives messages that this consumer holds back, the first of them first.
    func giveBack(_ messages: [(number: UInt64, queue: String)], _ end: PutBack) async {
        await putBackHeld(messages, end) { [keys] entry, queue in
            guard let content = Self.redelivered(entry) else { return Self.deadLetter(entry, queue, keys) }
            let list = keys.queue(queue, priority: Self.priority(of: content.message))
            return (JSONValue.object(content.message).serialized(), list)
        }
    }

    /// Moves messages that this consumer holds, as they are, to the lists of their queues' dead letters.
    func bury(_ messages: [(number: UInt64, queue: String)]) async {
        await putBackHeld(messages, .last) { [keys] entry, queue in Self.deadLetter(entry, queue, keys) }
    }

    /// The entry is `[envelope, "", queue]`: the envelope is cut out, because it may not be JSON at all.
    private static func deadLetter(
        _ entry: [UInt8], _ queue: String, _ keys: KombuKeys
    ) -> (message: [UInt8], list: String) {
        let end = ClaimSource.entryEnd(queue)
        let envelope =
            entry.starts(with: [UInt8(ascii: "[")]) && entry.count > end.count
            ? Array(entry[1..<(entry.count - end.count)]) : entry
        return (envelope, keys.deadLetters(queue))
    }

    private func putBackHeld(
        _ messages: [(number: UInt64, queue: String)], _ end: PutBack,
        _ place: (_ entry: [UInt8], _ queue: String) -> (message: [UInt8], list: String)
    ) async {
        var rest = messages[...]
        while !rest.isEmpty {
            do {
                try await putBackBatch(Array(rest.prefix(Self.batch)), end, place)
            } catch let error as TransportError where error.code == .connectionLost {
                // What was put back before the loss is no longer held, and not put back again.
                if await link.recovery() { continue }
                return logFailure(error, count: rest.count)
            } catch {
                return logFailure(error, count: rest.count)
            }
            rest = rest.dropFirst(Self.batch)
        }
    }

    private func putBackBatch(
        _ messages: [(number: UInt64, queue: String)], _ end: PutBack,
        _ place: (_ entry: [UInt8], _ queue: String) -> (message: [UInt8], list: String)
    ) async throws {
        var query = RedisPipeline()
        query.begin(2 + messages.count)
        query.add("HMGET")
        query.add(keys.unacked)
        for message in messages { query.add(held.tag(message.number)) }
        let entries = try await link.commands.call(query).array ?? []
        var returning: [Returning] = []
        for (message, entry) in zip(messages, entries) {
            guard let entry = entry.bytes else { continue }
            let (envelope, list) = place(entry, message.queue)
            returning.append(Returning(tag: held.tag(message.number), message: envelope, lists: [list]))
        }
        let replies = try await putBack(returning, end, limit: .infinity)
        let refusals = replies.compactMap(\.refusal)
        if let refusal = refusals.first { logFailure(TransportError(.rejected, refusal), count: refusals.count) }
        let gone = messages.count - replies.count { $0.integer == 1 } - refusals.count
        if gone > 0 {
            logger.warning(
                "messages are no longer in Redis: somebody restored them, or it was emptied",
                metadata: ["count": "\(gone)"])
        }
    }

    private func putBack(_ messages: [Returning], _ end: PutBack, limit: Double) async throws -> [RESPValue] {
        var pipeline = RedisPipeline()
        for message in messages {
            pipeline.begin(script: scripts.putBack, keys: 2 + message.lists.count, arguments: 4)
            pipeline.add(keys.unacked)
            pipeline.add(keys.unackedIndex)
            for list in message.lists { pipeline.add(list) }
            pipeline.add(message.tag)
            pipeline.add(limit == .infinity ? "inf" : String(limit))
            pipeline.add(end.command)
            pipeline.add(message.message)
        }
        return try await LoadedScripts.send(pipeline, on: link.commands)
    }

    private func logFailure(_ error: any Error, count: Int) {
        logger.error(
            "messages cannot be put back; they come back later", metadata: ["count": "\(count)", "error": "\(error)"])
    }

    // MARK: Entries

    /// What an entry of `unacked` holds.
    private typealias Content = (message: JSONObject, exchange: String, routingKey: String)

    /// Takes an entry of `unacked` apart and marks its envelope as delivered before; `nil` when it has another form.
    private static func redelivered(_ entry: [UInt8]) -> Content? {
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
