internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// The worker at work. A message goes from the ``Intake`` to the ``TaskSlots`` and from there to the ``Finisher``; none
/// of them calls back.
final class WorkerEngine: Service {
    private let intake: Intake
    private let slots: TaskSlots
    private let finisher: Finisher
    private let publisher: TaskPublisher
    private let results: (any ResultStore)?
    private let logger: Logger
    private let log: TaskLog
    private let limits: ShutdownLimits
    private let hasRun = Atomic(false)
    private let control: ControlService?
    private let events: EventFeed
    private let heart: Heart?
    private let stateFile: StateFile?
    /// Whether somebody asks the worker to end.
    private let shutdownRequest = WakeSignal()

    init(
        broker: any Broker,
        backend: (any ResultBackend)?,
        queues: [Queue],
        options: CeleryWorker.Options,
        routing: Routing,
        defaultOptions: SendOptions = .init(),
        middleware: [any CeleryMiddleware] = [],
        commands: [ControlCommand] = [],
        eventOptions: EventOptions = .init(),
        handlers: [TaskHandler],
        limits: ShutdownLimits = ShutdownLimits(),
        reportWait: Duration = MessageReport.longestWait,
        logger: Logger
    ) throws {
        var logger = logger
        let name = NodeName.expand(options.name)
        logger[metadataKey: LoggingKeys.worker] = "\(name)"
        let usersLogger = logger
        logger = logger.ofTheLibrary
        self.logger = logger
        self.limits = limits
        let (clock, connection) = (LogicalClock(), ConnectionState())
        let replyTo = RandomID.make()
        var routing = routing
        // A retry of what came to one of them has to know how it was sent.
        routing.queues += queues.filter { $0.isBroadcast && !routing.knows($0.name) }
        publisher = TaskPublisher(
            broker: broker, routing: routing, defaults: try defaultOptions.asDefaults(), middleware: middleware,
            replyTo: replyTo, clock: options.clock, events: eventOptions, logicalClock: clock, logger: logger)
        results = try backend?.makeResultStore(
            context: ResultStoreContext(broker: broker, replyTo: replyTo, logger: logger))
        log = TaskLog(logger: logger, level: options.taskLogLevel ?? .debug, reportWait: reportWait)
        events = EventFeed(
            name: name, sendsTasks: options.sendsTaskEvents, clock: clock, publisher: publisher,
            exchange: eventOptions.exchange, exchangeType: broker.eventExchangeType, connection: connection,
            logger: logger)
        let observers = Observers(middleware: middleware, feed: events)
        let writer = results.map { [logger] in ResultWriter($0, logger: logger) }
        let handlers = try handlers.byName()
        let environment = TaskEnvironment(
            logger: usersLogger, publisher: publisher, results: results, handlers: handlers)
        finisher = Finisher(
            planner: FinishingPlanner(
                publisher: publisher, environment: environment, chords: ChordSupport(results), handlers: handlers,
                limits: options.bodyLimits),
            sender: MessageSender(publisher, results: results, logger: logger), writer: writer,
            observers: observers, log: log)
        slots = TaskSlots(
            options: options, name: name, environment: environment, writer: writer, finisher: finisher,
            observers: observers, log: log)
        let mingle =
            options.mingles && broker.hasNeighbors
            ? Mingle(
                control: ControlClient(
                    broker: broker, publisher: publisher, exchange: options.controlExchange, clock: clock,
                    logger: logger),
                name: name, clock: clock, revoked: slots.revoked, logger: logger) : nil
        stateFile = options.stateFile.map { [slots] in
            StateFile(path: $0, revoked: slots.revoked, clock: clock, logger: logger)
        }
        intake = Intake(
            broker: broker, queues: queues, options: options, name: name, handlers: handlers,
            hasBackend: results != nil, slots: slots, finisher: finisher, limits: limits,
            observers: observers, connection: connection, log: log, mingle: mingle)
        heart = options.heartbeatInterval.map { [events, slots] in
            Heart(feed: events, interval: $0, active: slots.active, connection: connection)
        }
        guard options.isControllable else {
            control = nil
            return
        }
        let state = WorkerState(
            name: name, clock: clock, startedAt: .now, locations: (broker.location, backend?.location),
            options: options, routing: routing, handlers: handlers, intake: intake, slots: slots, events: events,
            results: results,
            shutDown: { [shutdownRequest] in shutdownRequest.signal() }, logger: logger)
        control = ControlService(
            broker: broker, exchange: options.controlExchange, commands: commands, state: state, publisher: publisher)
    }

    func run() async throws {
        guard !hasRun.exchange(true, ordering: .relaxed) else {
            throw CeleryError(.alreadyRun, "a worker runs once: for a second run another one is to be made")
        }
        try stateFile?.load()
        let saving = stateFile.map { file in Task { await file.run() } }
        // Each on its own, because neither must keep the worker from ending; `run` waits for both in time.
        let finishing = Task { await finisher.run() }
        let running = Task { await slots.run() }
        // To the end, because the last tasks may take long, and may have to be ended.
        let controlling = control.map { control in Task { await control.run() } }
        let beating = heart.map { heart in Task { await heart.run() } }
        let telling = Task { await events.run() }
        let outcome = await withTaskCancellationHandler {
            await receiveAndRun()
        } onCancel: {
            running.cancel()
        }
        controlling?.cancel()
        await waitFor("the last tasks' results", limits.slots) { await running.value }
        finisher.close()
        await waitFor("results and messages", limits.finishing) { await finishing.value }
        log.sumUp()
        saving?.cancel()
        // Not before what is being written at present, which is older.
        await waitFor("the state file", limits.close) { [stateFile] in
            await saving?.value
            stateFile?.save()
        }
        beating?.cancel()
        events.close()
        let isTold = await waitAtMost(limits.events) { [heart] in
            await telling.value
            await heart?.end()
        }
        if !isTold { logger.notice("the worker ends without waiting for its last events any longer") }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.intake.close() }
            if let controlling {
                group.addTask { await self.waitFor("remote control", self.limits.close) { await controlling.value } }
            }
            group.addTask {
                await self.waitFor("the publishing connection", self.limits.close) { await self.publisher.close() }
            }
            group.addTask {
                await self.waitFor("the result backend", self.limits.close) { await self.results?.close() }
            }
        }
        try outcome.get()
    }

    /// Takes and runs tasks until the worker is to stop or cannot go on, and until no task runs any more.
    private func receiveAndRun() async -> Result<Void, any Error> {
        await withDiscardingTaskGroup(returning: Result<Void, any Error>.self) { group in
            group.addTask { await self.intake.runSchedule() }
            let outcome = await Result {
                try await cancelWhenGracefulShutdown {
                    try await self.connectResults()
                    try await self.unlessAskedToEnd { try await self.intake.receive() }
                }
            }
            if case .failure(let error) = outcome, error is CancellationError {
                logger.info("stopping: no more tasks are taken")
            }
            // First of all, because the way to the broker may take long, and slots go on meanwhile.
            slots.close()
            group.addTask { await self.intake.stop() }
            await slots.end()
            guard case .failure(let error) = outcome, error is CancellationError else { return outcome }
            return .success(())
        }
    }

    /// - Throws: `CancellationError` also when somebody asks the worker to end.
    private func unlessAskedToEnd(_ body: @escaping @Sendable @concurrent () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask { [shutdownRequest] in
                try await shutdownRequest.wait()
                throw CancellationError()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Waits for one of the last things, but not for ever, whatever the broker or the backend does.
    private func waitFor(_ what: String, _ limit: Duration, _ operation: @escaping @Sendable () async -> Void) async {
        if await waitAtMost(limit, for: operation) { return }
        logger.warning(
            "the worker ends without waiting any longer",
            metadata: ["for": "\(what)", "limit": "\(ReadableDuration(limit))"])
    }

    /// Connects to the result backend: with one that refuses, tasks would run in vain.
    private func connectResults() async throws {
        guard let results else { return }
        var outage = OutageLog()
        try await retrying(RetrySchedule()) { error in
            (error as? TransportError)?.isPassing(afterSuccess: false) ?? false
        } willRetry: { [logger] error, _ in
            guard outage.failed() != nil else { return }
            logger.warning(
                (error as? TransportError)?.code == .unavailable
                    ? "the result backend refuses to serve this worker, trying again"
                    : "the result backend is out of reach, trying again",
                metadata: [LoggingKeys.error: LoggingKeys.reason(error)])
        } _: { _ in
            try await withAbandonment {
                try await results.connect()
            } cleanUp: { _ in
            }
        }
    }
}
