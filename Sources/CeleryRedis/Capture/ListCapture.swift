internal import CeleryProtocol
internal import CeleryTransport

/// Copies of the messages in a queue's lists.
struct ListCapture {
    private static let page = 100
    /// So many of a list's newest entries are remembered. Where one of them stands, what was pushed since ends; the newest
    /// stay longest in the list, because workers take from its other end.
    static let memory = 1000

    private let queue: String
    private let lists: [String]
    private let connection: RedisConnection
    /// The newest entries that were seen of each list, oldest first, by their hash values.
    private(set) var newest: [String: [Int]] = [:]

    init(_ queue: String, _ keys: KombuKeys, _ connection: RedisConnection) {
        self.queue = queue
        self.connection = connection
        lists = keys.prioritySteps.map { keys.list(of: queue, step: $0) }
    }

    /// Takes what is there, in the order in which it is served: the right end of each list is next.
    ///
    /// - Returns: whether more is wanted.
    mutating func capture(upTo limit: Int, _ receive: CapturingBroker.Receiver) async throws -> Bool {
        var left = limit
        for list in lists where left > 0 {
            guard try await capture(list, &left, receive) else { return false }
        }
        return true
    }

    private mutating func capture(
        _ list: String, _ left: inout Int, _ receive: CapturingBroker.Receiver
    ) async throws -> Bool {
        // As many as there are now: a list that is filled as fast as it is drained has no end.
        var waiting = min(left, try await length(list))
        var seen: Set<Int> = []
        var order: [Int] = []
        defer { note(order, list) }
        // How many at the right end were read, and the last of them, which tells whether workers have taken some meanwhile:
        // then all that is left stands further to the right, and the rest is found by beginning anew.
        var read = 0
        var last: [UInt8]?
        var isAnew = false
        while waiting > 0 {
            try Task.checkCancellation()
            let overlap = last == nil ? 0 : 1
            let count = min(Self.page, waiting) + overlap
            var entries = try await range(list, -(read - overlap + count), -(read - overlap + 1))
            if overlap == 1 {
                guard entries.last == last else {
                    (read, last, isAnew) = (0, nil, true)
                    continue
                }
                entries.removeLast()
            }
            if entries.isEmpty { return true }
            read += entries.count
            last = entries.first
            entries.reverse()
            let new = entries.filter { seen.insert($0.hashValue).inserted || !isAnew }
            order += new.map(\.hashValue)
            waiting -= new.count
            left -= new.count
            guard try new.isEmpty || receive(new.map { fields($0, list) }) else { return false }
        }
        return true
    }

    /// Takes what was pushed since the last time: it stands at the left.
    ///
    /// - Returns: whether more is wanted.
    mutating func captureNews(_ receive: CapturingBroker.Receiver) async throws -> Bool {
        for list in lists {
            guard let first = try await range(list, 0, 0).first, first.hashValue != newest[list]?.last else { continue }
            let known = Set(newest[list] ?? [])
            // Counted from the right, so that what is pushed meanwhile changes nothing. What workers take meanwhile moves the last
            // that was read to the right; what stands at its left then is newer, and comes with the next look.
            var rank = try await length(list)
            var count = 4
            var news: [[UInt8]] = []
            var last: [UInt8]?
            var found: Set<Int> = []
            while rank > 0 {
                try Task.checkCancellation()
                let overlap = last == nil ? 0 : 1
                var entries = try await range(list, -(rank + overlap), -(max(0, rank - count) + 1))
                if let last { entries = Array(entries.drop { $0 != last }.dropFirst()) }
                last = entries.last ?? last
                news += entries.filter { !known.contains($0.hashValue) && found.insert($0.hashValue).inserted }
                // Those behind one that is known are known.
                if entries.contains(where: { known.contains($0.hashValue) }) { break }
                rank -= count
                count = min(4 * count, Self.page)
            }
            news.reverse()
            note(news.map(\.hashValue), list)
            guard try news.isEmpty || receive(news.map { fields($0, list) }) else { return false }
        }
        return true
    }

    private mutating func note(_ entries: [Int], _ list: String) {
        newest[list] = ((newest[list] ?? []) + entries).suffix(Self.memory)
    }

    private func length(_ list: String) async throws -> Int {
        try await connection.call(RedisPipeline("LLEN", list)).integer ?? 0
    }

    private func range(_ list: String, _ start: Int, _ end: Int) async throws -> [[UInt8]] {
        let reply = try await connection.call(RedisPipeline("LRANGE", list, String(start), String(end)))
        return reply.array?.compactMap(\.bytes) ?? []
    }

    private func fields(_ envelope: [UInt8], _ list: String) -> JSONObject {
        var fields: JSONObject = ["queue": .string(queue), "key": .string(list)]
        fields.setBytes(envelope, "raw")
        return fields
    }
}
