internal import CeleryIO
internal import CeleryProtocol

/// The queues of a broker in memory.
final class MemoryStore: Sendable {
    private struct State {
        var queues: [String: MemoryQueue] = [:]
        var bindings: [String: Set<Queue>] = [:]
        var consumers: [MemoryConsumer] = []
    }

    private let state = Locked(State())
    /// The queues that are consumed, where all of them are known.
    private let consumed: Set<String>?
    private let onUnserved: @Sendable (_ id: String, _ place: String) -> Void

    init(
        consumed: Set<String>? = nil,
        onUnserved: @escaping @Sendable (_ id: String, _ place: String) -> Void = { _, _ in }
    ) {
        self.consumed = consumed
        self.onUnserved = onUnserved
    }

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

    /// Says of a task that nobody will take it from these queues.
    func reportUnserved(_ id: String?, in queues: [String], sentTo destination: Destination) {
        guard let consumed, let id, !queues.contains(where: consumed.contains) else { return }
        let place =
            queues.isEmpty
            ? "the exchange \(PythonRepr.quoted(destination.exchange)), to which no queue is bound for it"
            : queues.map(PythonRepr.quoted).joined(separator: ", ")
        onUnserved(id, place)
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
