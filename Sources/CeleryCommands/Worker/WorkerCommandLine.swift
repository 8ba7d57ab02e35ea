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

/// A command line that is a worker's, by the names that `celery worker` has: a program, or a subcommand.
///
/// Both have the groups of options as properties of their own, because the parser, when it is built for debugging, takes
/// five times as long for each level of groups.
protocol WorkerCommandLine: AsyncParsableCommand {
    associatedtype Worker: CeleryWorkerCommand

    var connection: ConnectionOptions { get }
    var queues: QueueOptions { get }
    var tasks: TaskRunOptions { get }
    var limits: LimitOptions { get }
    var console: ConsoleOptions { get }
    /// Options of `celery` that were given and change nothing here.
    var unused: [String] { get set }
}

extension WorkerCommandLine {
    static var abstract: String { "Run a worker: take tasks from the queues and run them." }

    static var discussion: String {
        """
        Every option stands for one of Celery's settings or options, and counts more than the environment variable of \
        that name, such as CELERY_WORKER_CONCURRENCY or CELERY_TASK_ACKS_LATE, which counts more than the file of --config.

        The worker ends with SIGTERM or SIGINT when running tasks have ended; a second signal cancels them.
        """
    }

    /// The program's settings with what the file, the environment and the command line say.
    func configuration(over base: CeleryConfiguration) throws -> CeleryConfiguration {
        var base = base
        // A library is quiet, a program shows what it does.
        if base.worker.taskLogLevel == nil { base.worker.taskLogLevel = .info }
        var configuration = try connection.configuration(over: base)
        if let kind = queues.queueType { configuration.routing.missingQueueKind = kind }
        tasks.apply(to: &configuration.worker)
        limits.apply(to: &configuration.worker)
        try TaskRunOptions.check(name: configuration.worker.name)
        return configuration
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
        if !unused.isEmpty {
            let options = LogText(unused.joined(separator: " "))
            logger.info("options that change nothing here", metadata: ["options": "\(options)"])
        }
        let queues = try self.queues.consumedQueues(configuration)
        let strange = self.queues.strangeExclusions(configuration)
        if !strange.isEmpty {
            logger.warning(
                "queues of -X that are not consumed anyway",
                metadata: ["queues": "\(LogText(strange.joined(separator: ", ")))"])
        }
        // What is sent to one of them is declared as it is here.
        var routing = configuration.routing
        routing.queues = queues + routing.queues.filter { queue in !queues.contains { $0.name == queue.name } }
        let (broker, backend) = try (connection.makeBroker(configuration), connection.makeBackend(configuration))
        let handlers = command.handlers
        let worker = try CeleryWorker(
            broker: broker, backend: backend, queues: queues, options: configuration.worker, routing: routing,
            defaultOptions: configuration.defaultOptions,
            middleware: command.middleware, events: configuration.events, logger: logger
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
