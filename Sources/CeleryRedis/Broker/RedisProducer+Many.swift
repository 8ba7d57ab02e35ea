internal import CeleryProtocol
internal import CeleryTransport

extension RedisProducer {
    /// As many messages are pushed with one command.
    private static let largestPush = 250

    /// Pushes those of one list with one command, and all with one write. Each list gets them in their order.
    func publish(
        contentsOf messages: [(message: Message, destination: Destination)]
    ) async -> [Int: any Error] {
        var failures: [Int: any Error] = [:]
        var lists: [String: [(position: Int, envelope: [UInt8])]] = [:]
        var order: [String] = []
        for (position, (message, destination)) in messages.enumerated() {
            do {
                // The first to a queue writes its binding.
                guard isDirect(destination) else {
                    try await publish(message, to: destination)
                    continue
                }
                try keys.checkQueue(destination.routingKey)
                let list = keys.queue(destination.routingKey, priority: message.properties.priority)
                if lists[list] == nil { order.append(list) }
                let envelope = KombuEnvelope.encode(Self.addressed(message, to: destination))
                lists[list, default: []].append((position, envelope))
            } catch {
                failures[position] = error
            }
        }
        var pipeline = RedisPipeline()
        var pushed: [[Int]] = []
        for list in order {
            let entries = lists[list] ?? []
            for start in stride(from: 0, to: entries.count, by: Self.largestPush) {
                let some = entries[start..<min(start + Self.largestPush, entries.count)]
                pipeline.begin(2 + some.count)
                pipeline.add("LPUSH")
                pipeline.add(list)
                for (_, envelope) in some { pipeline.add(envelope) }
                pushed.append(some.map(\.position))
            }
        }
        do {
            for (reply, positions) in zip(try await connection.sendAbandonably(pipeline), pushed) {
                guard let refusal = reply.refusal else { continue }
                let error = TransportError(refusal: refusal, of: "Redis refuses the message")
                for position in positions { failures[position] = error }
            }
        } catch {
            for position in pushed.joined() { failures[position] = error }
        }
        return failures
    }
}
