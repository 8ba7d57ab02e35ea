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

    @Option(name: [.customShort("Q"), .long], help: "The queues to consume, separated by commas. Default: celery.")
    var queues: String?

    @Option(
        name: [.short, .long], parsing: .unconditional,
        help: "How many tasks run at a time. Default: the number of processors.",
        transform: NumberArgument.whole(1...100_000))
    var concurrency: Int?

    @Option(
        name: [.customShort("n"), .long], help: "The worker's name; %h is the host, %n its first part, %d the rest.")
    var hostname = "celery@%h"

    @Option(name: [.short, .long], help: "DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL.")
    var loglevel = LogLevel.info

    @Option(
        name: [.customShort("O"), .customLong("optimization")],
        help: "Accepted for the sake of celery's command lines: default or fair. This worker is always fair.")
    var optimization: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: "How many messages are held for each task that can run; 0 for no limit.",
        transform: NumberArgument.whole(0...65_535))
    var prefetchMultiplier = 4

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

    @Flag(name: .long, help: "Acknowledge messages after their tasks, not before.")
    var acksLate = false

    @Flag(name: .long, help: "Store the state STARTED.")
    var trackStarted = false

    /// For the argument parser.
    init() {}

    /// Checks what the parser cannot know.
    mutating func validate() throws {
        if let optimization, !["default", "fair"].contains(optimization) {
            throw ValidationError("-O is default or fair")
        }
        if queueNames.isEmpty { throw ValidationError("-Q names no queue") }
    }

    private var queueNames: [String] {
        queues.map { $0.split(separator: ",").map(String.init) } ?? ["celery"]
    }

    /// What the command line says of the worker; the rest is the defaults of ``CeleryWorker/Options``.
    var workerOptions: CeleryWorker.Options {
        var options = CeleryWorker.Options(
            concurrency: concurrency, prefetchMultiplier: prefetchMultiplier, name: hostname, acksLate: acksLate,
            trackStarted: trackStarted, taskLogLevel: .info)
        if let etaLimit { options.etaLimit = etaLimit }
        if let maxBodySize { options.maximumBodySize = maxBodySize }
        if let maxBodyMemory { options.maximumBodyMemory = maxBodyMemory }
        return options
    }

    /// Runs a worker until SIGTERM or SIGINT. The first lets running tasks finish (warm shutdown), the second cancels
    /// them (cold shutdown), the third ends the process at once.
    ///
    /// - Throws: `TransportError` when the broker refuses, or what a bad address leads to.
    func run(_ command: some CeleryWorkerCommand) async throws {
        let logger = loglevel.makeLogger()
        let worker = try CeleryWorker(
            broker: connection.makeBroker(),
            backend: connection.makeBackend(),
            queues: queueNames.map { Queue($0) },
            options: workerOptions,
            logger: logger
        ) {
            command.handlers
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
                        logger.notice("warm shutdown: waiting for running tasks", metadata: ["signal": "\(signal)"])
                        await services.triggerGracefulShutdown()
                    case 2:
                        logger.notice("cold shutdown: cancelling running tasks", metadata: ["signal": "\(signal)"])
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
}
