internal import ArgumentParser
internal import Celery
internal import CeleryTransport
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The options of a worker's command line, by the names that `celery worker` has.
struct WorkerArguments: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions

    @Option(
        name: [.customShort("Q"), .long],
        help: ArgumentHelp(
            "The queues to consume, separated by commas; each a name, or with what it is declared with, as in 'name?type=quorum&max-priority=10'. Default: task_queues, else task_default_queue, which is celery.",
            valueName: "names"))
    var queues: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The kind of the queues of -Q that say none: classic or quorum. Celery: task_create_missing_queue_type.",
            valueName: "kind"))
    var queueType: String?

    @Option(
        name: [.short, .long], parsing: .unconditional,
        help: "How many tasks run at a time. Celery: worker_concurrency. Default: the number of processors.",
        transform: NumberArgument.whole(1...100_000))
    var concurrency: Int?

    @Option(
        name: [.customShort("n"), .long],
        help: "The worker's name; %h is the host, %n its first part, %d the rest. Default: celery@%h.")
    var hostname: String?

    @OptionGroup var console: ConsoleOptions

    @Option(
        name: [.customShort("O"), .customLong("optimization")],
        help: "Accepted for the sake of celery's command lines: default or fair. This worker is always fair.")
    var optimization: String?

    @Option(
        name: .long, parsing: .unconditional,
        help:
            "How many messages are held for each task that can run; 0 for no limit. Celery: worker_prefetch_multiplier. Default: 4.",
        transform: NumberArgument.whole(0...65_535))
    var prefetchMultiplier: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "How many tasks that wait for their eta are kept whole; of more only what it takes to get them again. Celery: worker_eta_task_limit. Default: 10000.",
            valueName: "tasks"),
        transform: NumberArgument.whole(0...Int.max))
    var etaLimit: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "A message with a larger body, decompressed, is refused. Default: 67108864.", valueName: "bytes"),
        transform: NumberArgument.whole(1...Int.max))
    var maxBodySize: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "A message whose values would take more memory, besides the texts of its strings, is refused. Default: 83886080.",
            valueName: "bytes"),
        transform: NumberArgument.whole(1...Int.max))
    var maxBodyMemory: Int?

    @Flag(inversion: .prefixedNo, help: "Acknowledge messages after their tasks, not before. Celery: task_acks_late.")
    var acksLate: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Acknowledge a late-acknowledged message whose task has failed. Celery: task_acks_on_failure_or_timeout.")
    var acksOnFailure: Bool?

    @Flag(inversion: .prefixedNo, help: "Store no results. Celery: task_ignore_result.")
    var ignoreResult: Bool?

    @Flag(inversion: .prefixedNo, help: "Store the state STARTED. Celery: task_track_started.")
    var trackStarted: Bool?

    /// For the argument parser.
    init() {}

    /// Checks what the parser cannot know.
    mutating func validate() throws {
        if let optimization, !["default", "fair"].contains(optimization) {
            throw ValidationError("-O is default or fair")
        }
        if let queueType, Queue.Kind(rawValue: queueType) == nil {
            throw ValidationError("--queue-type is classic or quorum")
        }
        _ = try consumedQueues(CeleryConfiguration())
    }

    /// The program's settings with what the file, the environment and the command line say.
    func configuration(over base: CeleryConfiguration) throws -> CeleryConfiguration {
        var configuration = try connection.configuration(over: base)
        if let kind = queueType.flatMap(Queue.Kind.init(rawValue:)) { configuration.routing.missingQueueKind = kind }
        configuration.worker.taskLogLevel = .info
        if let concurrency { configuration.worker.concurrency = concurrency }
        if let prefetchMultiplier { configuration.worker.prefetchMultiplier = prefetchMultiplier }
        if let hostname { configuration.worker.name = hostname }
        if let acksLate { configuration.worker.acksLate = acksLate }
        if let acksOnFailure { configuration.worker.acksOnFailure = acksOnFailure }
        if let ignoreResult { configuration.worker.ignoreResult = ignoreResult }
        if let trackStarted { configuration.worker.trackStarted = trackStarted }
        if let etaLimit { configuration.worker.etaLimit = etaLimit }
        if let maxBodySize { configuration.worker.maximumBodySize = maxBodySize }
        if let maxBodyMemory { configuration.worker.maximumBodyMemory = maxBodyMemory }
        return configuration
    }

    /// The queues of `-Q`, or those of the settings.
    func consumedQueues(_ configuration: CeleryConfiguration) throws -> [Queue] {
        guard let queues else { return configuration.consumedQueues }
        return try QueueArgument.list(queues).map { try $0.applied(to: configuration.routing.queue(named: $0.name)) }
    }

    /// Runs a worker until SIGTERM or SIGINT. The first lets running tasks finish (warm shutdown), the second cancels
    /// them (cold shutdown), the third ends the process at once.
    ///
    /// - Throws: `TransportError` when the broker refuses, or what a bad address leads to.
    func run(_ command: some CeleryWorkerCommand) async throws {
        let console = try console.console(own: command.logger)
        let logger = console.logger
        let configuration = try configuration(over: command.configuration)
        Self.name(configuration.disregardedSettings, logger)
        let queues = try consumedQueues(configuration)
        // What is sent to one of them is declared as it is here.
        var routing = configuration.routing
        routing.queues = queues + routing.queues.filter { queue in !queues.contains { $0.name == queue.name } }
        let (broker, backend) = try (connection.makeBroker(configuration), connection.makeBackend(configuration))
        let handlers = command.handlers
        let worker = try CeleryWorker(
            broker: broker, backend: backend, queues: queues, options: configuration.worker, routing: routing,
            middleware: command.middleware,
            logger: logger
        ) {
            handlers
        }
        if !self.console.quiet, let style = console.bannerStyle {
            let banner = Banner(
                name: NodeName.expand(configuration.worker.name), broker: broker.location, backend: backend?.location,
                concurrency: configuration.worker.concurrency, queues: queues,
                tasks: logger.logLevel <= .info ? handlers.map(\.name) : nil)
            LogOutput.standardOutput.write(banner.text(style))
        }
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: command.services.map { .init(service: $0) } + [
                    .init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                logger: logger))
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            group.addTask {
                var count = 0
                for await signal in signals {
                    count += 1
                    switch count {
                    case 1:
                        logger.notice("warm shutdown (\(signal)): waiting for running tasks")
                        await services.triggerGracefulShutdown()
                    case 2:
                        logger.notice("cold shutdown (\(signal)): cancelling running tasks")
                        return
                    default: break
                    }
                }
            }
            defer { group.cancelAll() }
            try await group.next()
            // Either the worker has ended, or the second signal has come: then a third one ends the process.
            signal(SIGTERM, SIG_DFL)
            signal(SIGINT, SIG_DFL)
        }
    }

    /// One line that names the settings which nothing here obeys.
    private static func name(_ settings: [DisregardedSetting], _ logger: Logger) {
        if settings.isEmpty { return }
        let (known, unknown) = (settings.filter(\.isKnownToCelery), settings.filter { !$0.isKnownToCelery })
        var metadata: Logger.Metadata = [:]
        if !known.isEmpty { metadata["settings"] = "\(LogText(known.map(\.name).joined(separator: ", ")))" }
        if !unknown.isEmpty { metadata["unknown"] = "\(LogText(unknown.map(\.name).joined(separator: ", ")))" }
        logger.warning("settings that this worker does not obey", metadata: metadata)
    }
}
