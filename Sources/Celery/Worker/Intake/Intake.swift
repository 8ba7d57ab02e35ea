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
    /// As many messages as may wait for their eta beyond the prefetch count: RabbitMQ's holds 16 bits.
    private static let mostAside = 65_000
    /// Whoever steers workers waits a second for their answers.
    private static let longestCatchUp = Duration.milliseconds(200)

    let broker: any Broker
    let name: String
    let options: CeleryWorker.Options
    private let handlers: [String: TaskHandler]
    private let hasBackend: Bool
    private let slots: TaskSlots
    private let finisher: Finisher
    let limits: ShutdownLimits
    private let observers: Observers
    private let connection: ConnectionState
    let log: TaskLog
    private let schedule: EtaSchedule
    private let started = StartedTasks()
    let consumption: Locked<Consumption>
    /// Signalled when the queues have changed.
    let changed = WakeSignal()
    private let mingle: Mingle?
    /// Whether the log has said that so many tasks wait for their eta.
    private let hasSaid = Locked((isFull: false, isBlocked: false))

    init(
        broker: any Broker, queues: [Queue], options: CeleryWorker.Options, name: String,
        handlers: [String: TaskHandler], hasBackend: Bool, slots: TaskSlots, finisher: Finisher,
        limits: ShutdownLimits, observers: Observers, connection: ConnectionState, log: TaskLog,
        mingle: Mingle? = nil
    ) {
        self.mingle = mingle
        self.broker = broker
        self.options = options
        self.handlers = handlers
        self.hasBackend = hasBackend
        self.slots = slots
        self.finisher = finisher
        self.limits = limits
        self.observers = observers
        self.connection = connection
        self.log = log
        schedule = EtaSchedule(clock: options.clock)
        self.name = name
        consumption = Locked(Consumption(queues: queues, prefetch: options.prefetch(for: options.concurrency)))
    }

    /// The tasks that wait for their eta here, in the order of their etas. Those that only the broker keeps are not among
    /// them.
    var scheduled: [(eta: Date, task: PackedTask)] { schedule.all }

    /// The queues that are consumed.
    var queues: [Queue] { consumption.withLock { $0.queues } }

    /// How many messages may be held.
    var prefetch: Int { consumption.withLock { $0.prefetch } }

    /// Receives what was sent before, so that who asks by remote control what is here is told of it. A revoke does not wait: it
    /// counts for what comes later too, and must be known before that starts.
    func catchUp() async {
        guard let session = consumption.withLock({ $0.session }) else { return }
        if await !waitAtMost(Self.longestCatchUp, for: { await session.consumer.catchUp() }) {
            log.logger.debug("remote control does not wait any longer for what was sent before")
        }
    }

    // MARK: Connections

    /// Connects and receives, again and again, until cancelled or refused.
    ///
    /// - Throws: `CancellationError`, or what the broker refuses. Once it has let this worker in, a refusal passes.
    func receive() async throws {
        var connections = ConnectionRecord()
        while true {
            do {
                guard let (consumer, change, isNew) = try await nextConsumer() else {
                    // Nothing is consumed until a queue is added.
                    try await changed.wait()
                    continue
                }
                let session = ConsumerSession(
                    consumer, prefetch: change.prefetch, concurrency: slots.pool.count,
                    started: started
                ) { [slots] session, count in
                    Self.giveBack(slots.takeLast(count, of: session))
                }
                let opening = connections.opened()
                connection.open()
                defer { connections.ended(hasSettled: session.hasSettled) }
                guard consumption.withLock({ $0.begin(session, change.number) }) else {
                    await close(consumer)
                    continue
                }
                do {
                    // Otherwise it has only changed which queues are consumed.
                    try await receive(from: session, after: isNew || opening == .first ? opening : nil)
                } catch  where session.isRetired {
                    try Task.checkCancellation()
                } catch let error as TransportError {
                    connection.close()
                    throw error
                }
            } catch let error as TransportError where error.isPassing(afterSuccess: connections.hasSucceeded) {
                let (delay, isWorthALine) = connections.failed()
                if isWorthALine { logLoss(error, connections.hasSucceeded) }
                try await Task.sleep(for: delay)
            }
        }
    }

    private func receive(from session: ConsumerSession, after opening: ConnectionRecord.Opening?) async throws {
        let meeting = opening.flatMap { _ in meetOthers() }
        defer { meeting?.cancel() }
        // A worker that was only away for a while goes on meanwhile.
        if opening == .first, let meeting { await meeting.cancellableValue }
        if let opening { hasConnected(opening) }
        let end = Waiter<Void?>()
        do {
            // Whatever the consumer does, cancelling ends this wait for it; `stop` waits for its end, but not for ever.
            _ = try await end.value(until: nil) {
                try await session.receive { self.admit($0, session) }
                end.settle(.success(()))
            }
        } catch let error as TransportError where !session.isRetired {
            consumption.withLock { $0.end(session) }
            drop(everythingOf: session)
            await close(session.consumer)
            throw error
        }
    }

    /// The connection is lost: what waits here, for its eta or because of a rate limit, is delivered again.
    private func drop(everythingOf session: ConsumerSession) {
        for task in schedule.take(where: { $0.message.session === session }) {
            if task.isAside { session.takeBack() }
            task.message.finish(nil)
        }
        for task in slots.rateLimits.take(where: { $0.message.session === session }) { task.message.finish(nil) }
    }

    /// Hears what others know to be revoked; `nil` when this worker asks nobody.
    private func meetOthers() -> Task<Void, Never>? {
        guard let mingle else { return nil }
        return Task {
            await mingle.run { [slots] in
                slots.endRevoked()
                self.endRevoked()
            }
        }
    }

    private func hasConnected(_ opening: ConnectionRecord.Opening) {
        logReady(opening)
        if opening != .first { observers.observe(.reconnected) }
    }

    private func logReady(_ outage: ConnectionRecord.Opening) {
        switch outage {
        case .first: logReady(.info, "\(LogText.name(name)) ready")
        case .again(let duration):
            logReady(.info, "\(LogText.name(name)) ready again after \(ReadableDuration(duration))")
        case .unremarkable: logReady(.debug, "connected again")
        }
    }

    private func logReady(_ level: Logger.Level, _ what: @autoclosure () -> String) {
        let location = LogText(broker.location)
        log.logger.log(level: level, "\(what()): \(location)", metadata: [LoggingKeys.broker: "\(location)"])
    }

    private func logLoss(_ error: TransportError, _ hasSucceeded: Bool) {
        let what: Logger.Message =
            switch error.code {
            case .unavailable, .refused: "the broker refuses to serve this worker, trying again"
            default:
                hasSucceeded
                    ? "the connection to the broker is lost, trying again" : "the broker is out of reach, trying again"
            }
        log.logger.warning(
            what, metadata: [LoggingKeys.error: LoggingKeys.reason(error)])
    }

    /// Gives back what was read too far ahead, so that other workers can run it.
    private static func giveBack(_ tasks: [ReservedTask]) {
        // The last one first, so that the first one is next in the queue again.
        for task in tasks.reversed() { task.message.finish(.giveBack) }
    }

    /// Takes no more messages; what is held stays held.
    func stop() async {
        schedule.close()
        let (session, unused) = consumption.withLock { $0.stop() }
        if let unused { await close(unused) }
        guard let session else { return }
        if await !waitAtMost(limits.stop, for: { await session.stop() }) { logTimeout("to stop") }
    }

    /// Waits until the broker has heard of everything, and gives back what is held.
    func close() async {
        let sessions = consumption.withLock { $0.takeAll() }
        await withDiscardingTaskGroup { group in
            for session in sessions { group.addTask { await self.close(session.consumer) } }
        }
    }

    func close(_ consumer: any Consumer) async {
        if await !waitAtMost(limits.close, for: { await consumer.close() }) { logTimeout("to close") }
    }

    func logTimeout(_ what: String) {
        log.logger.warning("the broker's connection takes too long \(what): it is left to itself")
    }

    // MARK: Admission

    /// Hands over the tasks whose etas have come, until ``stop()`` or cancellation.
    func runSchedule() async {
        await schedule.run { self.handOver($0) }
    }

    private func handOver(_ due: [WaitingTask]) {
        for task in due where task.isAside { task.message.session.takeBack() }
        let admitted = due.compactMap { task -> ReservedTask? in
            guard let packed = task.packed else {
                // It comes again, here or to another worker, and is due then.
                task.message.finish(.giveBack)
                return nil
            }
            return admit(packed.delivery(task.message.tag), task.message, isDue: true)
        }
        if !admitted.isEmpty { slots.add(admitted) }
    }

    /// Somebody has revoked tasks: those that wait for their eta here end now.
    func endRevoked() {
        let revoked = Set(schedule.all.map(\.task).filter(isRevoked).map { ObjectIdentifier($0) })
        if revoked.isEmpty { return }
        handOver(schedule.take { $0.packed.map { revoked.contains(ObjectIdentifier($0)) } ?? false })
    }

    private func isRevoked(_ packed: PackedTask) -> Bool {
        guard slots.revoked.mayContain(packed.id) else { return false }
        do {
            return slots.revoked.contains(try TaskRequest(try packed.restored(), options.bodyLimits) { _ in })
        } catch {
            // It is refused when it is due.
            return false
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
        // Whoever has it now says what becomes of it: it may have run long before it expired.
        if isDue, !message.mayStart {
            message.drop()
            return nil
        }
        let now = observers.middleware.isEmpty ? nil : ContinuousClock.now
        switch Admission(
            delivery, handlers: handlers, options.bodyLimits, revoked: slots.revoked, clock: options.clock, now: now)
        {
        case .run(let task):
            if task.request.delivery.isRedelivered, started.hasStarted(task, message.session) {
                log.acknowledgedAgain(task.request)
                message.finish(.acknowledge)
                return nil
            }
            if !isDue { received(task) }
            return ReservedTask(task: task, message: message)
        case .wait(let task, let eta):
            // The clock that dates go by may have been set back.
            if isDue { return ReservedTask(task: task, message: message) }
            received(task)
            hold(ReservedTask(task: task, message: message), until: eta)
        case .revoked(let task, let reason):
            log.revoked(task.request, reason)
            let rules = TaskRules(task, options, hasBackend: hasBackend)
            finisher.finish(FinishedTask(task: task, rules: rules, ending: .revoked(reason)), message)
        case .refused(let refused):
            finisher.finish(refused, queue: delivery.queue, message)
        }
        return nil
    }

    private func received(_ task: ReceivedTask) {
        log.received(task.request)
        observers.observe(.received(task.request, queue: task.queue))
    }

    /// Keeps a task until its eta: a far one with the broker, if that can, so that memory stays bounded. Of those that
    /// are too many only the tag is kept.
    private func hold(_ reserved: ReservedTask, until eta: Date) {
        let (session, tag) = (reserved.message.session, reserved.message.tag)
        let isFull = schedule.wholeCount >= options.etaLimit
        if session.consumer.park(tag, until: eta, isUrgent: isFull) {
            return session.putAside(isHeld: false)
        }
        // It does not count against the prefetch, as far as the broker's own limit goes.
        let isAside = session.waitingForEta < Self.mostAside
        logEtas(isFull: isFull, isBlocked: !isAside)
        if isAside { session.putAside(isHeld: true) }
        let packed = isFull ? nil : PackedTask(reserved.task)
        schedule.add(WaitingTask(message: reserved.message, isAside: isAside, packed: packed), until: eta)
    }

    /// Says once that a limit is reached, and again when it has not been meanwhile.
    private func logEtas(isFull: Bool, isBlocked: Bool) {
        let said = hasSaid.withLock { said in
            defer { said = (isFull, isBlocked) }
            return said
        }
        if isFull, !said.isFull {
            log.logger.warning(
                "many tasks wait for their eta: of further ones only the broker's tag is kept, and they come again",
                metadata: ["limit": "\(options.etaLimit)"])
        }
        if isBlocked, !said.isBlocked {
            log.logger.error(
                """
                more tasks wait for their eta than a broker lets one worker hold: it gets no others until some are due
                """, metadata: ["limit": "\(Self.mostAside)"])
        }
    }
}

extension Task<Void, Never> {
    /// Waits for its end; whoever cancels the wait cancels it.
    fileprivate var cancellableValue: Void {
        get async {
            await withTaskCancellationHandler {
                await value
            } onCancel: {
                cancel()
            }
        }
    }
}

extension CeleryWorker.Options {
    /// The broker's prefetch count for so many slots; 0 for none.
    func prefetch(for concurrency: Int) -> Int {
        let (count, isTooLarge) = max(1, concurrency).multipliedReportingOverflow(by: max(0, prefetchMultiplier))
        return isTooLarge ? 0 : count
    }
}
