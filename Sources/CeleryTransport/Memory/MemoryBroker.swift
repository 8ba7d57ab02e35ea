internal import CeleryIO
internal import CeleryProtocol
internal import DequeModule
public import Logging

/// A broker within this process (`memory://`), for tests: messages go through the same envelope as on Redis.
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
        store.push(envelope, to: queue)
    }
}

extension Broker where Self == MemoryBroker {
    /// A new broker within this process.
    public static var memory: MemoryBroker { MemoryBroker() }
}

/// The queues of a broker in memory.
final class MemoryStore: Sendable {
    private struct State {
        var queues: [String: Deque<[UInt8]>] = [:]
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
        return bound.filter { $0.exchangeType == .fanout || $0.routingKey == destination.routingKey }.map(\.name)
    }

    func push(_ envelope: [UInt8], to queue: String, isNext: Bool = false) {
        let consumers = state.withLock { state in
            if isNext {
                state.queues[queue, default: []].prepend(envelope)
            } else {
                state.queues[queue, default: []].append(envelope)
            }
            return state.consumers
        }
        for consumer in consumers where consumer.queues.contains(queue) { consumer.news.signal() }
    }

    func pop(_ queues: [String], limit: Int) -> [(queue: String, envelope: [UInt8])] {
        state.withLock { state in
            var found: [(String, [UInt8])] = []
            for queue in queues {
                while found.count < limit, let envelope = state.queues[queue]?.popFirst() {
                    found.append((queue, envelope))
                }
            }
            return found
        }
    }

    func envelopes(in queue: String) -> [[UInt8]] {
        state.withLock { Array($0.queues[queue] ?? []) }
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
        let envelope = KombuEnvelope.encode(message)
        for queue in store.queues(for: destination) { store.push(envelope, to: queue) }
    }

    func close() async {}
}

/// A consumer of a broker in memory.
final class MemoryConsumer: Consumer {
    private struct State {
        var next: UInt64 = 1
        var held: [UInt64: (queue: String, envelope: [UInt8])] = [:]
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

    func receive(upTo limit: Int) async throws -> [Delivery] {
        while true {
            try Task.checkCancellation()
            if state.withLock({ $0.isStopped }) { throw CancellationError() }
            news.clear()
            let found = store.pop(queues, limit: limit)
            if !found.isEmpty { return found.map { hold($0.queue, $0.envelope) } }
            try await news.wait()
        }
    }

    private func hold(_ queue: String, _ envelope: [UInt8]) -> Delivery {
        let number = state.withLock { state in
            defer { state.next += 1 }
            if !isAutoAcknowledging { state.held[state.next] = (queue, envelope) }
            return state.next
        }
        let message = Result { () throws(MessageError) in try KombuEnvelope.decode(envelope) }
        return Delivery(tag: DeliveryTag(number), queue: queue, message: message, raw: envelope)
    }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        guard let (queue, envelope) = state.withLock({ $0.held.removeValue(forKey: tag.value) }) else { return }
        switch settlement {
        case .acknowledge, .discard: break
        case .requeue: store.push(envelope, to: queue)
        case .giveBack: store.push(envelope, to: queue, isNext: true)
        case .deadLetter: store.push(envelope, to: "\(queue).dead-letter")
        }
    }

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
            store.push(message.envelope, to: message.queue, isNext: true)
        }
    }
}
