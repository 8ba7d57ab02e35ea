internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Where messages come into the worker: connects and receives, decides what may run, keeps what waits for its eta.
///
/// What may run goes to the ``TaskSlots``, what is refused or came too late to the ``Finisher``.
final class Intake: Sendable {
    private let broker: any Broker
    private let configuration: ConsumerConfiguration
    private let options: CeleryWorker.Options
    private let handlers: [String: TaskHandler]
    private let hasBackend: Bool
    private let slots: TaskSlots
    private let finisher: Finisher
    private let log: TaskLog
    private let schedule = EtaSchedule()
    private let session = Locked<ConsumerSession?>(nil)

    init(
        broker: any Broker, queues: [Queue], options: CeleryWorker.Options, name: String,
        handlers: [String: TaskHandler], hasBackend: Bool, slots: TaskSlots, finisher: Finisher, log: TaskLog
    ) {
        self.broker = broker
        self.options = options
        self.handlers = handlers
        self.hasBackend = hasBackend
        self.slots = slots
        self.finisher = finisher
        self.log = log
        configuration = ConsumerConfiguration(queues: queues, prefetch: options.prefetch, name: name)
    }

    // MARK: Connections

    /// Connects and receives, again and again, until cancelled or refused.
    func receive() async throws {
        var backoff = Backoff()
        while true {
            do {
                let consumer = try await withAbandonment { [broker, configuration, logger = log.logger] in
                    try await broker.makeConsumer(configuration, logger: logger)
                } cleanUp: { consumer in
                    await consumer.close()
                }
                backoff.reset()
                try await receive(from: consumer)
            } catch let error as TransportError where error.isRetriable {
                let delay = backoff.delay()
                log.logger.warning(
                    "the broker is out of reach, trying again",
                    metadata: [LoggingKeys.error: "\(error)", "delay": "\(delay)"])
                try await Task.sleep(for: delay)
            }
        }
    }

    private func receive(from consumer: any Consumer) async throws {
        let session = ConsumerSession(
            consumer, prefetch: configuration.prefetch, concurrency: max(1, options.concurrency)
        ) { [slots] in
            Self.giveBack(slots.takeLast($0))
        }
        self.session.withLock { $0 = session }
        log.logger.info("ready", metadata: [LoggingKeys.broker: "\(broker.location)"])
        do {
            try await session.receive { self.admit($0, session) }
        } catch let error as TransportError {
            self.session.withLock { $0 = nil }
            schedule.removeAll(of: session)
            await consumer.close()
            throw error
        }
    }

    /// Gives back what was read too far ahead, so that other workers can run it.
    private static func giveBack(_ tasks: [ReservedTask]) {
        // The last one first, so that the first one is next in the queue again.
        for task in tasks.reversed() { task.message.finish(.giveBack) }
    }

    /// Takes no more messages; what is held stays held.
    func stop() async {
        schedule.close()
        await session.withLock { $0 }?.consumer.stop()
    }

    /// Waits until the broker has heard of everything, and gives back what is held.
    func close() async {
        await session.withLock { $0 }?.consumer.close()
    }

    // MARK: Admission

    /// Hands over the tasks whose etas have come, until ``stop()`` or cancellation.
    func runSchedule() async {
        await schedule.run { due in
            for task in due where task.isAside { task.message.session.takeBack() }
            let admitted = due.compactMap { self.admit($0.delivery, $0.message, isDue: true) }
            if !admitted.isEmpty { self.slots.add(admitted) }
        }
    }

    private func admit(_ deliveries: [Delivery], _ session: ConsumerSession) {
        let admitted = deliveries.compactMap {
            admit($0, HeldMessage(session: session, tag: $0.tag), isDue: false)
        }
        if !admitted.isEmpty { slots.add(admitted) }
    }

    /// The task that may run; `nil` for a message that something else becomes of.
    ///
    /// - Parameter isDue: whether it has waited for its eta here.
    private func admit(_ delivery: Delivery, _ message: HeldMessage, isDue: Bool) -> ReservedTask? {
        switch Admission(delivery, handlers: handlers, maximumBodySize: options.maximumBodySize) {
        case .run(let task):
            if !isDue { log.received(task.request) }
            return ReservedTask(task: task, message: message)
        case .wait(let task, let eta):
            // The clock that dates go by may have been set back.
            if isDue { return ReservedTask(task: task, message: message) }
            log.received(task.request)
            hold(ReservedTask(task: task, message: message), until: eta)
        case .expired(let task):
            log.expired(task.request)
            let rules = TaskRules(task, options, hasBackend: hasBackend)
            finisher.finish(FinishedTask(task: task, rules: rules, ending: .expired), message)
        case .refused(let refused):
            log.refused(refused, queue: delivery.queue)
            finisher.finish(refused, message)
        }
        return nil
    }

    /// Keeps a task until its eta: a far one with the broker, if that can, so that memory stays bounded.
    private func hold(_ reserved: ReservedTask, until eta: Date) {
        let (session, tag) = (reserved.message.session, reserved.message.tag)
        let isFull = schedule.count >= options.etaLimit
        let isParked = session.consumer.park(tag, until: eta.timeIntervalSince1970, isUrgent: isFull)
        // It does not count against the prefetch; when too many wait already it does, and the broker keeps more.
        let isAside = isParked || !isFull
        if isAside { session.putAside(isHeld: !isParked) }
        if !isParked { schedule.add(WaitingTask(reserved, isAside: isAside), until: eta) }
    }
}

extension CeleryWorker.Options {
    /// The broker's prefetch count; 0 for none.
    fileprivate var prefetch: Int {
        let (count, isTooLarge) = max(1, concurrency).multipliedReportingOverflow(by: max(0, prefetchMultiplier))
        return isTooLarge ? 0 : count
    }
}
