internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import DequeModule
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Hears the events of a cluster. Nothing is read ahead of whoever asks, but one message and what the transport holds.
final class EventReader: Sendable {
    private struct State {
        var consumer: (any Consumer)?
        var waiting: Deque<CeleryEvent> = []
        var connections = ConnectionRecord()
        var broken = OutageLog()
    }

    /// As many messages are taken at a time.
    private static let batch = 100

    private let broker: any Broker
    private let queue: Queue
    private let clock: LogicalClock
    private let logger: Logger
    /// Called when it listens, again and for the first time.
    private let hasConnected: @Sendable () async throws -> Void
    private let state = Locked(State())

    init(
        broker: any Broker, options: EventOptions, pattern: String, clock: LogicalClock, logger: Logger,
        hasConnected: @escaping @Sendable () async throws -> Void
    ) {
        self.broker = broker
        self.clock = clock
        self.logger = logger
        self.hasConnected = hasConnected
        queue = Queue(
            "\(options.queuePrefix).\(RandomID.make())", exchange: options.exchange,
            exchangeType: broker.eventExchangeType, routingKey: pattern, isDurable: false, isAutoDelete: true,
            expires: options.queueExpires,
            arguments: options.timeToLive.map { ["x-message-ttl": .integer($0.inMilliseconds)] } ?? [:])
    }

    deinit {
        guard let consumer = state.withLock({ $0.consumer }) else { return }
        Task { await consumer.close() }
    }

    /// Connects, unless it is connected.
    ///
    /// - Throws: `TransportError` when the broker cannot be reached or refuses; `CancellationError`.
    @discardableResult
    func connect() async throws -> any Consumer {
        if let consumer = state.withLock({ $0.consumer }) { return consumer }
        let consumer = try await broker.makeConsumerAbandonably(
            ConsumerConfiguration(
                queues: [queue], prefetch: 0, isAutoAcknowledging: true, deletesQueues: true,
                name: "celery-swift events"), logger: logger)
        let opening = state.withLock { state in
            state.consumer = consumer
            return state.connections.opened()
        }
        if case .again(let duration) = opening {
            logger.notice("events are heard again", metadata: ["after": "\(ReadableDuration(duration))"])
        }
        try await hasConnected()
        return consumer
    }

    /// The next event. A connection that is lost is made anew; nobody gets what was told meanwhile.
    ///
    /// - Returns: `nil` when the calling task is cancelled.
    /// - Throws: what the broker refuses.
    func next() async throws -> CeleryEvent? {
        while !Task.isCancelled {
            if let event = state.withLock({ $0.waiting.popFirst() }) { return event }
            do {
                take(try await connect().receive(upTo: Self.batch))
            } catch is CancellationError {
                return nil
            } catch let error as TransportError {
                try await outlast(error)
            }
        }
        return nil
    }

    private func take(_ deliveries: [Delivery]) {
        let now = Date()
        var (events, broken, reason) = (Deque<CeleryEvent>(), 0, "")
        for delivery in deliveries {
            do throws(MessageError) {
                for value in try CeleryEvent.values(in: try delivery.message.get()) {
                    do throws(MessageError) {
                        events.append(try read(value, now))
                    } catch {
                        (broken, reason) = (broken + 1, "\(error)")
                    }
                }
            } catch {
                (broken, reason) = (broken + 1, "\(error)")
            }
        }
        let count = state.withLock { [events] state in
            state.waiting.append(contentsOf: events)
            return broken == 0 ? nil : state.broken.failed(broken)
        }
        guard let count else { return }
        logger.warning(
            "skipped events that cannot be read",
            metadata: ["count": "\(count)", LoggingKeys.error: "\(LogText(reason))"])
    }

    private func read(_ value: JSONValue, _ now: Date) throws(MessageError) -> CeleryEvent {
        var event = try CeleryEvent(value, received: now, clock: clock.current + 1)
        // As in Celery: nobody tells clients what time it is, so that their own clocks say nothing.
        if case .taskSent = event.content { event.clock = max(1, clock.current) - 1 }
        clock.adjust(event.clock)
        return event
    }

    private func outlast(_ error: TransportError) async throws {
        let (consumer, failure) = state.withLock { state in
            let consumer = state.consumer
            state.consumer = nil
            guard error.isPassing(afterSuccess: state.connections.hasSucceeded) else {
                return (consumer, (delay: Duration, isWorthALine: Bool)?.none)
            }
            if consumer != nil { state.connections.ended(hasSettled: false) }
            return (consumer, state.connections.failed())
        }
        if let consumer { await consumer.close() }
        guard let failure else { throw error }
        if failure.isWorthALine {
            logger.warning(
                "events cannot be heard, trying again", metadata: [LoggingKeys.error: LoggingKeys.reason(error)])
        }
        // Cancellation is seen before the next try.
        do { try await Task.sleep(for: failure.delay) } catch { return }
    }
}
