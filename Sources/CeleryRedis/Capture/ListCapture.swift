internal import CeleryProtocol
internal import CeleryTransport

/// Copies of the messages in a queue's lists.
struct ListCapture {
    private static let page = 100

    private let queue: String
    private let lists: [String]
    private let connection: RedisConnection
    /// What was seen, by hash values: enough to tell what is new.
    private var seen: Set<Int> = []

    init(_ queue: String, _ keys: KombuKeys, _ connection: RedisConnection) {
        self.queue = queue
        self.connection = connection
        lists = keys.prioritySteps.map { keys.list(of: queue, step: $0) }
    }

    /// Takes what is there, in the order in which it is served: the right end of each list is next.
    ///
    /// - Returns: whether more is wanted.
    mutating func look(upTo limit: Int, _ take: CapturingBroker.Taker) async throws -> Bool {
        var left = limit
        for list in lists where left > 0 {
            guard try await look(at: list, &left, take) else { return false }
        }
        return true
    }

    private mutating func look(at list: String, _ left: inout Int, _ take: CapturingBroker.Taker) async throws -> Bool {
        // How many at the right end were read, and the last of them, which tells whether workers have taken some meanwhile:
        // then all that is left stands further to the right, and the rest is found by beginning anew.
        var read = 0
        var last: [UInt8]?
        var isAnew = false
        while left > 0 {
            try Task.checkCancellation()
            let overlap = last == nil ? 0 : 1
            let count = min(Self.page, left) + overlap
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
            left -= new.count
            guard try new.isEmpty || take(new.map { fields($0, list) }) else { return false }
        }
        return true
    }

    /// Takes what was pushed since the last time: it stands at the left.
    ///
    /// - Returns: whether more is wanted.
    mutating func takeNews(_ take: CapturingBroker.Taker) async throws -> Bool {
        for list in lists {
            var news: [[UInt8]] = []
            // While it is read the list may grow, at its left: what stands there comes with the next look, and the next page
            // begins with what was read already.
            var found: Set<Int> = []
            var (start, count) = (0, 1)
            while true {
                try Task.checkCancellation()
                let entries = try await range(list, start, start + count - 1)
                let isEnd = entries.count < count || entries.contains { seen.contains($0.hashValue) }
                news += entries.filter { !seen.contains($0.hashValue) && found.insert($0.hashValue).inserted }
                // Those behind one that is known are known.
                if isEnd { break }
                start += count
                count = min(4 * count, Self.page)
            }
            seen.formUnion(found)
            guard try news.isEmpty || take(news.reversed().map { fields($0, list) }) else { return false }
        }
        return true
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
