internal import CeleryIO

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
