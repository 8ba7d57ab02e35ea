internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import ServiceLifecycle
internal import Synchronization

/// The worker at work: one loop receives, `concurrency` slots run handlers, one finisher stores results and settles.
///
/// Deliveries flow through two queues. The finisher takes whatever has been finished meanwhile and sends it in one
/// batch, so that a slot never waits for the result backend.
final class WorkerEngine: Sendable {
    private static let largestBatch = 256

    let options: CeleryWorker.Options
    let name: String
    let handlers: [String: TaskHandler]
    let publisher: TaskPublisher
    let results: (any ResultStore)?
    let logger: Logger
    let ready = WorkQueue<Work>()
    private let finished = WorkQueue<Conclusion>()
    let schedule = EtaSchedule()
    /// How many conclusions the finisher has been given and has not seen to.
    private let unfinished = Atomic(0)
    private let broker: any Broker
    private let queues: [Queue]

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
        var failure: (any Error)?
        var lastSession: ConsumerSession?
        await withDiscardingTaskGroup { finishing in
            finishing.addTask { await self.runFinisher() }
            await withDiscardingTaskGroup { running in
                for _ in 0..<options.concurrency { running.addTask { await self.runSlot() } }
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
                lastSession = sessions.withLock { $0 }
                await lastSession?.consumer.stop()
                // What did not start goes back to its queue when the consumer is closed.
                ready.close(discarding: true)
                schedule.close()
            }
            finished.close()
        }
        await lastSession?.consumer.close()
        await publisher.close()
        await results?.close()
        if let failure { throw failure }
    }

    /// Connects and receives, again and again, until cancelled or refused.
    private func receive(_ began: @Sendable (ConsumerSession?) -> Void) async throws {
        var backoff = Backoff()
        let prefetch = options.concurrency * options.prefetchMultiplier
        let configuration = ConsumerConfiguration(queues: queues, prefetch: prefetch, name: name)
        while true {
            do {
                let consumer = try await withAbandonment { [broker, logger] in
                    try await broker.makeConsumer(configuration, logger: logger)
                } cleanUp: { consumer in
                    await consumer.close()
                }
                let session = ConsumerSession(consumer, prefetch: prefetch, concurrency: options.concurrency)
                began(session)
                backoff.reset()
                logger.info("ready", metadata: [LoggingKeys.broker: "\(broker.location)"])
                do {
                    while true {
                        let deliveries = try await session.receive { giveBack($0) }
                        admit(deliveries, session)
                    }
                } catch let error as TransportError {
                    began(nil)
                    session.markLost()
                    schedule.removeAll(of: session)
                    await consumer.close()
                    throw error
                }
            } catch let error as TransportError where error.isRetriable {
                let delay = backoff.delay()
                logger.warning(
                    "the broker is out of reach, trying again",
                    metadata: [LoggingKeys.error: "\(error)", "delay": "\(delay)"])
                try await Task.sleep(for: delay)
            }
        }
    }

    private func runSchedule() async {
        await schedule.run { due in
            for work in due where work.isAside { work.session.takeBack() }
            self.ready.push(contentsOf: due)
        }
    }

    /// Gives back what was read too far ahead, so that other workers can run it.
    private func giveBack(_ count: Int) {
        // The last one first, so that the first one is next in the queue again.
        for work in ready.takeLast(count).reversed() {
            work.session.settle(work.tag, .giveBack)
            work.session.conclude()
        }
    }

    private func runSlot() async {
        // What came over a connection that is lost comes again: it must not run twice.
        while let work = await ready.next() {
            if !work.session.isLost { await run(work) }
        }
    }

    /// Hands over what is left to do for a task.
    func pass(_ conclusion: Conclusion) {
        unfinished.add(1, ordering: .relaxed)
        finished.push(conclusion)
    }

    /// Sees to what is left to do for a task: at once when nothing else is to be done, else in one batch with others.
    func see(to conclusion: Conclusion) async {
        if ready.isEmpty, unfinished.load(ordering: .relaxed) == 0 {
            await finish([conclusion])
        } else {
            pass(conclusion)
        }
    }

    private func runFinisher() async {
        while true {
            let batch = await finished.nextBatch(limit: Self.largestBatch)
            if batch.isEmpty { return }
            await finish(batch)
            unfinished.subtract(batch.count, ordering: .relaxed)
        }
    }
}
