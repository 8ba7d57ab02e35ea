internal import CeleryIO
internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

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

    func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool { false }

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
