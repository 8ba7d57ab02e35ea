internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// The worker at work. A message goes from the ``Intake`` to the ``TaskSlots`` and from there to the ``Finisher``; none
/// of them calls back.
final class WorkerEngine: Sendable {
    private let intake: Intake
    private let slots: TaskSlots
    private let finisher: Finisher
    private let publisher: TaskPublisher
    private let results: (any ResultStore)?
    private let logger: Logger
    private let hasRun = Atomic(false)

    init(
        broker: any Broker,
        backend: (any ResultBackend)?,
        queues: [Queue],
        options: CeleryWorker.Options,
        routing: Routing,
        handlers: [TaskHandler],
        logger: Logger
    ) throws {
        var logger = logger
        let name = NodeName.expand(options.name)
        logger[metadataKey: LoggingKeys.worker] = "\(name)"
        let usersLogger = logger
        logger = logger.ofTheLibrary
        self.logger = logger
        let replyTo = RandomID.make()
        publisher = TaskPublisher(broker: broker, routing: routing, replyTo: replyTo, logger: logger)
        results = try backend?.makeResultStore(
            context: ResultStoreContext(broker: broker, replyTo: replyTo, logger: logger))
        let log = TaskLog(logger: logger, level: options.taskLogLevel)
        let writer = results.map { [logger] in ResultWriter($0, logger: logger) }
        finisher = Finisher(
            planner: FinishingPlanner(publisher: publisher), sender: MessageSender(publisher, logger: logger),
            writer: writer, log: log)
        slots = TaskSlots(
            options: options, name: name,
            environment: TaskEnvironment(logger: usersLogger, publisher: publisher, results: results), writer: writer,
            finisher: finisher, log: log)
        intake = Intake(
            broker: broker, queues: queues, options: options, name: name, handlers: try handlers.byName(),
            hasBackend: results != nil, slots: slots, finisher: finisher, log: log)
    }

    func run() async throws {
        guard !hasRun.exchange(true, ordering: .relaxed) else {
            throw CeleryError(.alreadyRun, "a worker runs once: for a second run another one is to be made")
        }
        var failure: (any Error)?
        await withDiscardingTaskGroup { finishing in
            finishing.addTask { await self.finisher.run() }
            await withDiscardingTaskGroup { running in
                running.addTask { await self.slots.run() }
                running.addTask { await self.intake.runSchedule() }
                do {
                    try await cancelWhenGracefulShutdown {
                        try await self.connectResults()
                        try await self.intake.receive()
                    }
                } catch is CancellationError {
                    logger.info("stopping", metadata: [LoggingKeys.state: "no more tasks are taken"])
                } catch {
                    failure = error
                }
                // First of all, because the way to the broker may take long, and slots go on meanwhile.
                slots.close()
                await intake.stop()
            }
            finisher.close()
        }
        await intake.close()
        await publisher.close()
        await results?.close()
        if let failure { throw failure }
    }

    /// Connects to the result backend: with one that refuses, tasks would run in vain.
    private func connectResults() async throws {
        guard let results else { return }
        var backoff = Backoff()
        while true {
            do {
                return try await withAbandonment {
                    try await results.connect()
                } cleanUp: { _ in
                }
            } catch let error as TransportError where error.isRetriable {
                let delay = backoff.delay()
                logger.warning(
                    "the result backend is out of reach, trying again",
                    metadata: [LoggingKeys.error: "\(error)", "delay": "\(delay)"])
                try await Task.sleep(for: delay)
            }
        }
    }
}
