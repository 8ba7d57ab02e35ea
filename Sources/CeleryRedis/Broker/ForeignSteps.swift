internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Lists that look like those of a served queue's priorities, but with steps or a separator that are not served here: what
/// a sender with other `priority_steps` or another `sep` has put there would never be read.
struct ForeignSteps: Sendable {
    /// One such list.
    struct List: Hashable, Sendable {
        let key: String
        let queue: String
        let separator: String
        let step: Int
    }

    /// So many keys are looked through at most, in batches: a database may hold millions of results.
    private static let mostKeys = 20_000
    private static let batch = 1000
    /// So many lists are named in the log.
    private static let mostLists = 10
    /// Looked for by name where there are more: kombu's separator, and the one that others choose. Not many, because the
    /// server keeps a note of every key that a worker's connection has read.
    private static let likelySeparators = [KombuKeys.defaultSeparator, ":"]
    private static let likelySteps = 0...9

    private let queues: [String]
    private let keys: KombuKeys
    private let served: Set<String>

    init(_ queues: [String], _ keys: KombuKeys) {
        self.queues = queues
        self.keys = keys
        served = Set(queues.flatMap { queue in keys.prioritySteps.map { keys.list(of: queue, step: $0) } })
    }

    /// Looks for such lists, and names each in the log. Whoever starts does not fail because of it.
    func warn(_ connection: RedisConnection, _ logger: Logger) async {
        guard !queues.isEmpty else { return }
        do {
            log(try await find(on: connection, logger), logger)
        } catch {
            logger.info("did not look for lists with other priority steps", metadata: ["error": "\(LogText(error))"])
        }
    }

    /// The list that a key may be; `nil` for one that is served or that looks like something else.
    func list(_ key: String) -> List? {
        guard !served.contains(key) else { return nil }
        // Of two queues, one of which begins with the other's name, the longer one.
        for queue in queues.sorted(by: { $0.utf8.count > $1.utf8.count }) where key.utf8.starts(with: queue.utf8) {
            let rest = key.utf8.dropFirst(queue.utf8.count)
            let digits = rest.reversed().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            let separator = String(decoding: rest.dropLast(digits), as: UTF8.self)
            let number = String(decoding: rest.suffix(digits), as: UTF8.self)
            // A word between is a part of another queue's name.
            guard let step = Int(number), step <= 255, String(step) == number, !separator.isEmpty,
                separator.count <= 4, !separator.contains(where: { $0.isLetter || $0.isNumber })
            else { continue }
            return List(key: key, queue: queue, separator: separator, step: step)
        }
        return nil
    }

    /// Such lists and how long they are, of those that are there.
    func find(on connection: RedisConnection, _ logger: Logger) async throws -> [(list: List, length: Int)] {
        var candidates: Set<List> = []
        do {
            let (scanned, isComplete) = try await scan(connection)
            candidates = Set(scanned)
            if !isComplete {
                logger.info(
                    "looked for lists with other priority steps among some of the keys only: there are too many",
                    metadata: ["keys": "\(Self.mostKeys)"])
                candidates.formUnion(likely)
            }
        } catch let error as TransportError where [.rejected, .refused].contains(error.code) {
            logger.info(
                "looked only for some lists with other priority steps: the keys cannot be read",
                metadata: ["error": "\(LogText(error))"])
            candidates.formUnion(likely)
        }
        guard !candidates.isEmpty else { return [] }
        let lists = candidates.sorted { ($0.queue, $0.separator, $0.step) < ($1.queue, $1.separator, $1.step) }
        var lengths = RedisPipeline()
        for list in lists { lengths.append("LLEN", list.key) }
        var found: [(List, Int)] = []
        // What is no list, or not for this user to read, is nobody's.
        for (list, reply) in zip(lists, try await connection.send(lengths)) {
            if let length = reply.integer, length > 0 { found.append((list, length)) }
        }
        return found
    }

    private var likely: [List] {
        queues.flatMap { queue in
            Self.likelySeparators.flatMap { separator in
                Self.likelySteps.compactMap { list("\(queue)\(separator)\($0)") }
            }
        }
    }

    /// Looks through the keys, up to a number of them.
    private func scan(_ connection: RedisConnection) async throws -> (found: [List], isComplete: Bool) {
        let pattern = queues.count == 1 ? "\(Self.escape(queues[0]))*[0-9]" : "*[0-9]"
        var found: [List] = []
        var cursor = "0"
        for _ in 0..<(Self.mostKeys / Self.batch) {
            let reply = try await connection.call(
                RedisPipeline("SCAN", cursor, "MATCH", pattern, "COUNT", String(Self.batch)))
            guard let parts = reply.array, parts.count == 2, let next = parts[0].text, let keys = parts[1].array else {
                throw TransportError(.rejected, "Redis answered SCAN with something else")
            }
            found += keys.compactMap { $0.text.flatMap(list) }
            if next == "0" { return (found, true) }
            cursor = next
        }
        return (found, false)
    }

    /// What a pattern of Redis means by itself.
    private static func escape(_ name: String) -> String {
        String(name.flatMap { #"*?[]^-\"#.contains($0) ? ["\\", $0] : [$0] })
    }

    private func log(_ found: [(list: List, length: Int)], _ logger: Logger) {
        for (list, length) in found.prefix(Self.mostLists) {
            // With the other lists of this separator, all of which a worker would have to serve.
            let steps = Set(found.filter { $0.list.separator == list.separator }.map(\.list.step))
                .union(keys.prioritySteps).sorted().map(String.init).joined(separator: ",")
            var option = "priority_steps=\(steps)"
            if list.separator != keys.separator { option += " sep=\(LogText.name(list.separator))" }
            logger.warning(
                "a list that is not served looks like a priority of a queue that is: its step or separator is another",
                metadata: [
                    "celery.queue": "\(LogText.name(list.queue))", "list": "\(LogText.name(list.key))",
                    "length": "\(length)", "transport_option": "\(option)",
                ])
        }
        if found.count > Self.mostLists {
            logger.warning(
                "more lists look like priorities of queues that are served here",
                metadata: ["lists": "\(found.count - Self.mostLists)"])
        }
    }
}
