internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Consumes lists and what is announced to fanout exchanges, for a worker with queues of both kinds.
///
/// They share the room: only a claim that is on its way when something is announced may bring more than there is room for
/// then. What is held of the lists outlives connections, and so does this consumer: it listens again, as often as it takes.
final class MixedConsumer: Consumer {
    /// Listens to what is announced; the number is that in the tag of the first message.
    typealias Listen = @Sendable (_ firstNumber: UInt64) async throws -> FanoutConsumer

    private struct State {
        var listener: FanoutConsumer
        var isClosed = false
    }

    private let lists: RedisConsumer
    private let listen: Listen
    private let state: Locked<State>
    private let logger: Logger

    init(_ lists: RedisConsumer, _ listener: FanoutConsumer, listen: @escaping Listen, logger: Logger) {
        self.lists = lists
        self.listen = listen
        self.logger = logger
        state = Locked(State(listener: listener))
    }

    private var listener: FanoutConsumer { state.withLock { $0.listener } }

    private static func isAnnounced(_ tag: DeliveryTag) -> Bool { tag.value >= FanoutConsumer.firstNumber }

    /// Whose message it is.
    private func owner(of tag: DeliveryTag) -> any Consumer { Self.isAnnounced(tag) ? listener : lists }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        let gate = Gate()
        try await withThrowingTaskGroup { [lists] group in
            group.addTask {
                try await lists.receive {
                    gate.pass(room)
                } _: { deliveries in
                    gate.pass { deliver(deliveries) }
                }
            }
            group.addTask {
                try await self.receiveAnnounced {
                    gate.pass(room)
                } _: { deliveries in
                    gate.pass { deliver(deliveries) }
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func receiveAnnounced(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        var (outages, schedule) = (OutageLog(), RetrySchedule(first: .milliseconds(50), maximum: .seconds(5)))
        while true {
            do {
                try await listener.receive(room: room, deliver)
            } catch let error as TransportError {
                log("what is sent to everybody cannot be heard, trying again", error, &outages)
            }
            try await listenAgain(&outages, &schedule)
        }
    }

    /// Makes a new connection for what is announced, as often as it takes.
    private func listenAgain(_ outages: inout OutageLog, _ schedule: inout RetrySchedule) async throws {
        let former = listener
        await former.close()
        while true {
            try await Task.sleep(for: schedule.nextDelay())
            do {
                let next = try await withAbandonment { [listen] in
                    try await listen(former.nextNumber)
                } cleanUp: { consumer in
                    await consumer.close()
                }
                let isClosed = state.withLock { state in
                    if !state.isClosed { state.listener = next }
                    return state.isClosed
                }
                if isClosed {
                    await next.close()
                    throw CancellationError()
                }
                schedule.reset()
                let duration = outages.worksAgain()
                return logger.log(
                    level: duration == nil ? .debug : .info, "what is sent to everybody is heard again",
                    metadata: duration.map { ["after": "\(ReadableDuration($0))"] })
            } catch let error as TransportError {
                log("what is sent to everybody cannot be heard, trying again", error, &outages)
            }
        }
    }

    private func log(_ what: Logger.Message, _ error: any Error, _ outages: inout OutageLog) {
        let count = outages.failed(because: "\(error)")
        logger.log(level: count == nil ? .debug : .warning, what, metadata: ["error": "\(error)"])
    }

    func roomHasGrown() {
        lists.roomHasGrown()
        listener.roomHasGrown()
    }

    func holds(_ tag: DeliveryTag) -> Bool { owner(of: tag).holds(tag) }

    func mayStart(_ tag: DeliveryTag) -> Bool { owner(of: tag).mayStart(tag) }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) { owner(of: tag).settle(tag, settlement) }

    func flush() async { await lists.flush() }

    func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool {
        owner(of: tag).park(tag, until: eta, isUrgent: isUrgent)
    }

    func catchUp() async { await lists.catchUp() }

    func adjustPrefetch(extra: Int) {
        // As for lists: messages are taken when there is room.
    }

    func stop() async {
        await listener.stop()
        await lists.stop()
    }

    func close() async {
        let listener = state.withLock { state in
            state.isClosed = true
            return state.listener
        }
        await listener.close()
        await lists.close()
    }
}

/// Lets one in at a time.
private final class Gate: Sendable {
    private let lock = Locked(())

    func pass<Value: Sendable>(_ body: () -> Value) -> Value { lock.withLock { _ in body() } }
}
