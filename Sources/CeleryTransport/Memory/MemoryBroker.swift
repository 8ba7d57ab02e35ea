internal import CeleryIO
internal import CeleryProtocol
public import Logging

/// A broker within this process (`memory://`), for tests: messages go through the same envelope as on Redis, and as
/// there priority 0 is served first.
///
/// Copies of the value are the same broker.
public struct MemoryBroker: Broker {
    private let store = MemoryStore()

    /// Makes a broker of its own, with no messages.
    public init() {}

    /// `memory://`.
    public var location: String { "memory://" }

    /// A producer for this broker.
    public func makeProducer(logger: Logger) async throws -> any Producer {
        MemoryProducer(store)
    }

    /// A consumer of this broker's queues.
    public func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
        let consumer = MemoryConsumer(store, configuration)
        store.declare(configuration.queues)
        store.add(consumer)
        return consumer
    }

    /// The envelopes that wait in a queue, the next one first; `<queue>.dead-letter` holds what could not be run.
    public func envelopes(in queue: String) -> [[UInt8]] {
        store.envelopes(in: queue)
    }

    /// Puts an envelope into a queue as it is, whatever it holds.
    public func push(_ envelope: [UInt8], to queue: String) {
        let priority: Int?
        do {
            priority = try KombuEnvelope.decode(envelope).properties.priority
        } catch {
            // It is for whoever receives it to find out.
            priority = nil
        }
        store.push(MemoryQueue.Item(envelope: envelope, priority: priority ?? 0), to: queue)
    }
}

extension Broker where Self == MemoryBroker {
    /// A new broker within this process.
    public static var memory: MemoryBroker { MemoryBroker() }
}

/// The queues of a broker in memory.
final class MemoryStore: Sendable {
    private struct State {
        var queues: [String: MemoryQueue] = [:]
        var bindings: [String: Set<Queue>] = [:]
        var consumers: [MemoryConsumer] = []
    }

    private let state = Locked(State())

    func declare(_ queues: [Queue]) {
        state.withLock { state in
            for queue in queues where !queue.exchange.isEmpty {
                state.bindings[queue.exchange, default: []].insert(queue)
            }
        }
    }

    func add(_ consumer: MemoryConsumer) {
        state.withLock { $0.consumers.append(consumer) }
    }

    func remove(_ consumer: MemoryConsumer) {
        state.withLock { $0.consumers.removeAll { $0 === consumer } }
    }

    func queues(for destination: Destination) -> [String] {
        if destination.exchange.isEmpty { return [destination.routingKey] }
        let bound = state.withLock { $0.bindings[destination.exchange] ?? [] }
        let taking = bound.filter { queue in
            switch queue.exchangeType {
            case .fanout: true
            case .direct: queue.routingKey == destination.routingKey
            case .topic: TopicPattern(queue.routingKey).matches(destination.routingKey)
            }
        }
        // One message for each queue, however often it is bound.
        return Array(Set(taking.map(\.name)))
    }

    func push(_ item: MemoryQueue.Item, to queue: String, isNext: Bool = false) {
        let consumers = state.withLock { state in
            state.queues[queue, default: MemoryQueue()].push(item, isNext: isNext)
            return state.consumers
        }
        for consumer in consumers where consumer.queues.contains(queue) { consumer.news.signal() }
    }

    func pop(_ queues: [String], limit: Int) -> [(queue: String, item: MemoryQueue.Item)] {
        state.withLock { state in
            var found: [(String, MemoryQueue.Item)] = []
            for queue in queues {
                while found.count < limit, let item = state.queues[queue]?.pop() {
                    found.append((queue, item))
                }
            }
            return found
        }
    }

    func envelopes(in queue: String) -> [[UInt8]] {
        state.withLock { $0.queues[queue]?.envelopes ?? [] }
    }
}

private struct MemoryProducer: Producer {
    private let store: MemoryStore

    init(_ store: MemoryStore) { self.store = store }

    func publish(_ message: Message, to destination: Destination) async throws {
        if let queue = destination.queue { store.declare([queue]) }
        var message = message
        message.properties.exchange = destination.exchange
        message.properties.routingKey = destination.routingKey
        let item = MemoryQueue.Item(
            envelope: KombuEnvelope.encode(message), priority: message.properties.priority ?? 0)
        for queue in store.queues(for: destination) { store.push(item, to: queue) }
    }

    func close() async {}
}

/// A consumer of a broker in memory.
final class MemoryConsumer: Consumer {
    private struct State {
        var next: UInt64 = 1
        var held: [UInt64: (queue: String, item: MemoryQueue.Item)] = [:]
        var isStopped = false
    }

    let queues: [String]
    let news = WakeSignal()
    private let store: MemoryStore
    private let isAutoAcknowledging: Bool
    private let state = Locked(State())

    init(_ store: MemoryStore, _ configuration: ConsumerConfiguration) {
        self.store = store
        queues = configuration.queues.map(\.name)
        isAutoAcknowledging = configuration.isAutoAcknowledging
    }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        while true {
            try Task.checkCancellation()
            // First: whatever is asked after it, the end among it, is not missed.
            news.clear()
            if state.withLock({ $0.isStopped }) { throw CancellationError() }
            let limit = room()
            let found = limit > 0 ? store.pop(queues, limit: limit) : []
            if found.isEmpty { try await news.wait() } else { deliver(found.map { hold($0.queue, $0.item) }) }
        }
    }

    func roomHasGrown() { news.signal() }

    func holds(_ tag: DeliveryTag) -> Bool { state.withLock { $0.held[tag.value] != nil } }

    private func hold(_ queue: String, _ item: MemoryQueue.Item) -> Delivery {
        let number = state.withLock { state in
            defer { state.next += 1 }
            if !isAutoAcknowledging { state.held[state.next] = (queue, item) }
            return state.next
        }
        let message = Result { () throws(MessageError) in try KombuEnvelope.decode(item.envelope) }
        return Delivery(tag: DeliveryTag(number), queue: queue, message: message, raw: item.envelope)
    }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        guard let (queue, item) = state.withLock({ $0.held.removeValue(forKey: tag.value) }) else { return }
        switch settlement {
        case .acknowledge, .discard: break
        case .requeue: store.push(item, to: queue)
        case .giveBack: store.push(item, to: queue, isNext: true)
        case .deadLetter: store.push(item, to: "\(queue).dead-letter")
        }
    }

    func flush() async {}

    func park(_ tag: DeliveryTag, until date: Double, isUrgent: Bool) -> Bool { false }

    func adjustPrefetch(extra: Int) {}

    func stop() async {
        state.withLock { $0.isStopped = true }
        news.signal()
    }

    func close() async {
        await stop()
        store.remove(self)
        let held = state.withLock { state in
            defer { state.held = [:] }
            return state.held
        }
        for (_, message) in held.sorted(by: { $0.key > $1.key }) {
            store.push(message.item, to: message.queue, isNext: true)
        }
    }
}
