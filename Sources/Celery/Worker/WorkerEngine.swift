internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// The worker at work: one loop receives, `concurrency` slots run handlers, one finisher stores results and settles.
///
/// Deliveries flow through two queues. Under load the finisher stores in one batch whatever has been finished
/// meanwhile, and slots go on with the next task; a slot that has nothing else to do stores its result itself.
final class WorkerEngine: Sendable {
    let options: CeleryWorker.Options
    let name: String
    let handlers: [String: TaskHandler]
    let publisher: TaskPublisher
    let results: (any ResultStore)?
    let logger: Logger
    let ready = WorkQueue<Work>()
    let finished = WorkQueue<Conclusion>()
    let schedule = EtaSchedule()
    /// How many conclusions the finisher has been given and has not seen to.
    let unfinished = Atomic(0)
    let patience = Patience()
    private let broker: any Broker
    private let queues: [Queue]
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
        name = NodeName.expand(options.name)
        logger[metadataKey: LoggingKeys.worker] = "\(name)"
        self.broker = broker
        self.queues = queues
        self.options = options
        self.logger = logger
        self.handlers = try handlers.byName()
        let replyTo = RandomID.make()
        publisher = TaskPublisher(broker: broker, routing: routing, replyTo: replyTo, logger: logger)
        results = try backend?.makeResultStore(
            context: ResultStoreContext(broker: broker, replyTo: replyTo, logger: logger))
    }

    func run() async throws {
        guard !hasRun.exchange(true, ordering: .relaxed) else {
            throw CeleryError(.alreadyRun, "a worker runs once: for a second run another one is to be made")
        }
        var failure: (any Error)?
        var lastSession: ConsumerSession?
        await withDiscardingTaskGroup { finishing in
            finishing.addTask { await self.runFinisher() }
            await withDiscardingTaskGroup { running in
                for _ in 0..<concurrency { running.addTask { await self.runSlot() } }
                running.addTask { await self.runSchedule() }
                let sessions = Locked<ConsumerSession?>(nil)
                do {
                    try await cancelWhenGracefulShutdown {
                        try await self.receive { session in sessions.withLock { $0 = session } }
                    }
                } catch is CancellationError {
                    logger.info("stopping", metadata: [LoggingKeys.state: "no more tasks are taken"])
                } catch {
                    failure = error
                }
                // What did not start goes back to its queue when the consumer is closed. First of all, because the way
                // to the broker may take long, and slots go on meanwhile.
                ready.close(discarding: true)
                schedule.close()
                lastSession = sessions.withLock { $0 }
                await lastSession?.consumer.stop()
            }
            patience.end()
            finished.close()
        }
        await lastSession?.consumer.close()
        await publisher.close()
        await results?.close()
        if let failure { throw failure }
    }

    private var concurrency: Int { max(1, options.concurrency) }

    /// The broker's prefetch count; 0 for none.
    private var prefetch: Int {
        let (count, isTooLarge) = concurrency.multipliedReportingOverflow(by: max(0, options.prefetchMultiplier))
        return isTooLarge ? 0 : count
    }

    /// Connects and receives, again and again, until cancelled or refused.
    private func receive(_ began: @Sendable (ConsumerSession?) -> Void) async throws {
        try await connectResults()
        var backoff = Backoff()
        let prefetch = prefetch
        let configuration = ConsumerConfiguration(queues: queues, prefetch: prefetch, name: name)
        while true {
            do {
                let consumer = try await withAbandonment { [broker, logger] in
                    try await broker.makeConsumer(configuration, logger: logger)
                } cleanUp: { consumer in
                    await consumer.close()
                }
                let session = ConsumerSession(consumer, prefetch: prefetch, concurrency: concurrency) { [ready] in
                    Self.giveBack($0, of: ready)
                }
                began(session)
                backoff.reset()
                logger.info("ready", metadata: [LoggingKeys.broker: "\(broker.location)"])
                do {
                    try await session.receive { self.admit($0, session) }
                } catch let error as TransportError {
                    began(nil)
                    schedule.removeAll(of: session)
                    await consumer.close()
                    throw error
                }
            } catch let error as TransportError where error.isRetriable {
                try await pause(&backoff, "the broker is out of reach, trying again", error)
            }
        }
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
                try await pause(&backoff, "the result backend is out of reach, trying again", error)
            }
        }
    }

    private func pause(_ backoff: inout Backoff, _ why: Logger.Message, _ error: TransportError) async throws {
        let delay = backoff.delay()
        logger.warning(why, metadata: [LoggingKeys.error: "\(error)", "delay": "\(delay)"])
        try await Task.sleep(for: delay)
    }

    private func runSchedule() async {
        await schedule.run { self.admit($0) }
    }

    /// Gives back what was read too far ahead, so that other workers can run it.
    private static func giveBack(_ count: Int, of ready: WorkQueue<Work>) {
        // The last one first, so that the first one is next in the queue again.
        for work in ready.takeLast(count).reversed() {
            work.session.settle(work.tag, .giveBack)
            work.session.conclude()
        }
    }

    private func runSlot() async {
        while let work = await ready.next() {
            // What the broker gives to others must not run here as well.
            if work.session.consumer.holds(work.tag) { await run(work) } else { work.session.drop() }
        }
    }
}
