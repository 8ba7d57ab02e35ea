import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import Logging
import TestSupport

/// The broker in memory, with notes of what a worker tells it.
struct RecordingBroker: Broker {
    /// What a consumer was told.
    enum Event: Sendable, Equatable {
        case opened(prefetch: Int)
        case settled(Settlement)
        case flushed
        case receivingEnded
        case parked(isUrgent: Bool)
        case prefetchRaised(by: Int)
        case stopped
        case closed
    }

    let memory = MemoryBroker()
    /// What the worker's consumers were told. The settlements are in ``settlements`` as well.
    let events = Notes<Event>()
    let settlements = Notes<Settlement>()
    /// Whether messages can be put aside; they are dropped then.
    var canPark = false
    /// Errors that the next calls of `makeConsumer` throw, or receiving, before or after messages have come.
    let failures = Failures()
    /// Throws for a message that is not to be sent.
    var takes: @Sendable (Message) throws -> Void = { _ in }
    /// Keeps a consumer from stopping.
    var stopGate: Gate?
    /// Keeps a consumer from hearing what was settled.
    var flushGate: Gate?
    /// Keeps a receiving call that is cancelled from ending, as one does that waits for a server's answer.
    var receiveGate: Gate?
    /// Keeps consumers and producers from closing.
    var closeGate: Gate?
    /// Keeps messages from being sent.
    var sendGate: Gate?
    /// So many messages are lost to others right after it was asked for the first time whether they are held.
    let losses = Losses()
    /// So many messages are somebody else's when it is asked for the first time whether they are held.
    let earlierLosses = Losses()
    /// Called before a message is settled.
    var willSettle: @Sendable () -> Void = {}
    /// What a worker has begun to receive from: only then it has something to stop.
    let receiving = Notes<Void>()
    /// What was asked to stop.
    let stopping = Notes<Void>()
    /// What waited for its settlements to be heard.
    let flushing = Notes<Void>()

    final class Losses: Sendable {
        private let left = Locked(0)
        func add(_ count: Int) { left.withLock { $0 += count } }
        func take() -> Bool {
            left.withLock { left in
                defer { left = max(0, left - 1) }
                return left > 0
            }
        }
    }

    final class Failures: Sendable {
        private let errors = Locked<[TransportError]>([])
        func add(_ error: TransportError) { errors.withLock { $0.append(error) } }
        func take() -> TransportError? { errors.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    }

    var location: String { memory.location }

    /// Whether the next message whose end is told was to be put aside, not settled.
    func isNextParked() async throws -> Bool {
        while true {
            switch try await events.next() {
            case .parked: return true
            case .settled: return false
            default: break
            }
        }
    }

    func makeProducer(logger: Logger) async throws -> any Producer {
        RecordingProducer(producer: try await memory.makeProducer(logger: logger), broker: self)
    }

    func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
        // Those who hear remote control are none of the tests' affair.
        if configuration.queues.contains(where: { $0.exchangeType == .fanout }) {
            return try await memory.makeConsumer(configuration, logger: logger)
        }
        if let error = failures.take() { throw error }
        let consumer = try await memory.makeConsumer(configuration, logger: logger)
        events.add(.opened(prefetch: configuration.prefetch))
        return RecordingConsumer(consumer, broker: self)
    }
}

/// Like RabbitMQ's it is cancelled with the task that publishes.
private struct RecordingProducer: Producer {
    let producer: any Producer
    let broker: RecordingBroker

    func publish(_ message: Message, to destination: Destination) async throws {
        try Task.checkCancellation()
        // Events and replies of remote control are none of the tests' affair.
        if destination.queue?.isExchangeAlone == true {
            return try await producer.publish(message, to: destination)
        }
        try broker.takes(message)
        await broker.sendGate?.passUncancelled()
        try await producer.publish(message, to: destination)
        try Task.checkCancellation()
    }

    func close() async {
        await broker.closeGate?.passUncancelled()
        await producer.close()
    }
}

private final class RecordingConsumer: Consumer {
    private let consumer: any Consumer
    private let broker: RecordingBroker
    private let hasFailed = Locked(false)
    private let lost = Locked<Set<DeliveryTag>>([])

    init(_ consumer: any Consumer, broker: RecordingBroker) {
        self.consumer = consumer
        self.broker = broker
    }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        broker.receiving.add(())
        if let error = broker.failures.take() { throw error }
        do {
            try await receiveUntilFailure(room, deliver)
        } catch {
            if let gate = broker.receiveGate {
                await gate.passUncancelled()
                broker.events.add(.receivingEnded)
            }
            throw error
        }
    }

    private func receiveUntilFailure(
        _ room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        let failure = Waiter<Void>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                try await consumer.receive(room: room) { [self] deliveries in
                    deliver(deliveries)
                    guard let error = broker.failures.take() else { return }
                    hasFailed.withLock { $0 = true }
                    failure.settle(.failure(error))
                }
            }
            group.addTask { try await failure.value() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    func roomHasGrown() { consumer.roomHasGrown() }

    func holds(_ tag: DeliveryTag) -> Bool {
        guard consumer.holds(tag), !hasFailed.withLock({ $0 }) else { return false }
        return lost.withLock { lost in
            if lost.contains(tag) { return false }
            let isGone = broker.earlierLosses.take()
            if isGone || broker.losses.take() { lost.insert(tag) }
            return !isGone
        }
    }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        broker.willSettle()
        consumer.settle(tag, settlement)
        broker.events.add(.settled(settlement))
        broker.settlements.add(settlement)
    }

    func flush() async {
        broker.flushing.add(())
        await broker.flushGate?.passUncancelled()
        await consumer.flush()
        broker.events.add(.flushed)
    }

    func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool {
        broker.events.add(.parked(isUrgent: isUrgent))
        return broker.canPark
    }

    func adjustPrefetch(extra: Int) {
        broker.events.add(.prefetchRaised(by: extra))
        consumer.adjustPrefetch(extra: extra)
    }

    func stop() async {
        broker.stopping.add(())
        await broker.stopGate?.passUncancelled()
        await consumer.stop()
        broker.events.add(.stopped)
    }

    func close() async {
        await broker.closeGate?.passUncancelled()
        await consumer.close()
        broker.events.add(.closed)
    }
}
