internal import CeleryProtocol

/// A producer for a broker in memory.
struct MemoryProducer: Producer {
    private let store: MemoryStore

    init(_ store: MemoryStore) { self.store = store }

    func publish(_ message: Message, to destination: Destination) async throws {
        if let queue = destination.queue { store.declare([queue]) }
        var message = message
        message.properties.exchange = destination.exchange
        message.properties.routingKey = destination.routingKey
        let item = MemoryQueue.Item(
            envelope: KombuEnvelope.encode(message), priority: message.properties.priority ?? 0)
        let queues = store.queues(for: destination)
        for queue in queues { store.push(item, to: queue) }
        store.reportUnserved(message.headers["id"]?.stringValue, in: queues, sentTo: destination)
    }

    /// One after the other, so that they come in this order.
    func publish(
        contentsOf messages: [(message: Message, destination: Destination)]
    ) async -> [Int: any Error] {
        var failures: [Int: any Error] = [:]
        for (position, (message, destination)) in messages.enumerated() {
            do { try await publish(message, to: destination) } catch { failures[position] = error }
        }
        return failures
    }

    func close() async {}
}
