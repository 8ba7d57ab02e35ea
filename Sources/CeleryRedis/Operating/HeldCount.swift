internal import CeleryProtocol
internal import CeleryTransport

/// Counts what workers hold of each queue of a database, whichever worker in whichever language.
struct HeldCount {
    /// So many bytes of an entry's end are looked at: two names, each of at most 255 bytes, in JSON.
    private static let longestEnd = 4096

    private let connection: RedisConnection
    private let keys: KombuKeys

    init(_ connection: RedisConnection, _ keys: KombuKeys) {
        self.connection = connection
        self.keys = keys
    }

    /// How many messages are held of each queue that has some.
    func byQueue() async throws -> [String: Int] {
        var counts: [Source: Int] = [:]
        var cursor = "0"
        repeat {
            try Task.checkCancellation()
            var pipeline = RedisPipeline()
            pipeline.begin(OperatingScript.heldEnds, keys: 1, arguments: 2)
            pipeline.add(keys.unacked)
            pipeline.add(cursor)
            pipeline.add(String(Self.longestEnd))
            guard let parts = try await connection.call(pipeline).array, parts.count == 2, let next = parts[0].text
            else { throw TransportError(.rejected, "Redis answers a script with something else") }
            for end in parts[1].array ?? [] {
                guard let source = end.bytes.flatMap(Source.init(entryEnd:)) else { continue }
                counts[source, default: 0] += 1
            }
            cursor = next
        } while cursor != "0"
        let exchanges = Set(counts.keys.map(\.exchange).filter { !$0.isEmpty })
        let bindings = try await keys.bindings(of: exchanges, on: connection)
        var held: [String: Int] = [:]
        for (source, count) in counts {
            var queues = KombuBinding.queues(for: source.routingKey, in: try bindings[source.exchange]?.get() ?? [])
            if queues.isEmpty { queues = [source.routingKey] }
            for queue in queues { held[queue, default: 0] += count }
        }
        return held
    }

    /// Where a held message comes from, as its entry in `unacked` says.
    struct Source: Hashable {
        let exchange: String
        let routingKey: String

        /// Reads the end of `[envelope, exchange, routing key]`; `nil` for one of another form. A quotation mark behind a
        /// comma stands in no JSON text, only between two values.
        init?(entryEnd bytes: [UInt8]) {
            let text = String(decoding: bytes, as: UTF8.self)
            for mark in text.ranges(of: /, ?"/).suffix(8).reversed() {
                guard
                    case .success(let value) = Result(catching: {
                        try JSONValue(json: "[" + text[mark.lowerBound...].dropFirst())
                    }),
                    let parts = value.arrayValue, parts.count == 2, let exchange = parts[0].stringValue,
                    let key = parts[1].stringValue
                else { continue }
                (self.exchange, routingKey) = (exchange, key)
                return
            }
            return nil
        }
    }
}
