public import ArgumentParser
internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTesting
internal import CeleryTransport

/// `replay`: shows captured messages, sends them again, or runs the worker's handlers on them.
public struct ReplaySubcommand<Worker: CeleryWorkerCommand>: AsyncParsableCommand {
    /// The command's name and help.
    public static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "replay",
            abstract: "Show captured messages, send them again with --to, or run this program's handlers on them.",
            discussion: """
                With --to messages go to the queue that they were captured from, or to --queue, straight and not by an exchange, \
                byte for byte as they were. On Redis each gets a delivery tag of its own, as from any sender. From one kind of \
                broker to the other they are written anew. On RabbitMQ the queue must be there.

                With --handlers nothing is sent and no result is stored: what a handler sends is shown, and where it would go by \
                the program's routes. Tasks pass the program's middleware. Eta and expiry are not looked at, and what is to be tried again is not, unless --retries says so. The status is 1 if a task did not \
                succeed.
                """)
    }

    @Argument(help: "The file that capture has written.")
    var file: String

    @Option(help: ArgumentHelp("The broker to send them to; without it they are only shown.", valueName: "broker"))
    var to: String?

    @Option(name: [.customShort("Q"), .long], help: "The queue to send them to. Default: the one that they come from.")
    var queue: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "An option of Celery's broker_transport_options, such as priority_steps=0,3,6,9; may be given again.",
            valueName: "name=value"))
    var brokerTransportOption: [TransportOption] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A file of settings by Celery's lower-case names, in JSON: the routes of --handlers, the broker_transport_options of --to. Environment variables count more, options most.",
            valueName: "file"),
        completion: .file(extensions: ["json"]))
    var config: String?

    @Flag(help: "Run this program's handlers on the messages, without a broker.")
    var handlers = false

    @Flag(help: "With --handlers: try a task again at once that is to be tried again, until it ends otherwise.")
    var retries = false

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws {
        if to == nil, queue != nil || !brokerTransportOption.isEmpty {
            throw ValidationError("--queue and --broker-transport-option are for sending: --to names the broker")
        }
        if to == nil, !handlers, config != nil { throw ValidationError("--config is for --to and --handlers") }
        _ = try ConnectionOptions.byName(brokerTransportOption)
        if handlers, to != nil { throw ValidationError("either --to or --handlers") }
        if retries, !handlers { throw ValidationError("--retries is for --handlers") }
        if queue == "" { throw ValidationError("--queue names no queue") }
    }

    /// Does what was asked for.
    public func run() async throws {
        let fixtures: [Fixture]
        do {
            fixtures = try Fixture.load(contentsOf: file)
        } catch {
            throw ValidationError("\(error)")
        }
        if handlers {
            let worker = try await Worker()
            let configuration = try ConnectionOptions.configuration(over: worker.configuration, file: config)
            try await ReplayRun(fixtures, retrying: retries).run(worker, configuration)
        } else if let to {
            try await send(fixtures, to: to)
        } else {
            for fixture in fixtures { print(FixtureLine(fixture)) }
        }
    }

    private func send(_ fixtures: [Fixture], to address: String) async throws {
        var options = try ConnectionOptions.configuration(over: .init(), file: config).brokerTransportOptions
        options.merge(try ConnectionOptions.byName(brokerTransportOption)) { _, given in given }
        let broker = try ConnectionOptions.broker(at: address, options)
        let messages = try fixtures.enumerated().map { position, fixture in
            let queue = queue ?? fixture.queue
            guard !queue.isEmpty else {
                let name = ResendSummary.name(of: fixture, position)
                throw ValidationError("\(file) does not say which queue \(name) was in: --queue names one")
            }
            return ResentMessage(fields: fixture.details, message: fixture.message, queue: queue)
        }
        let report = Locked(ResendReport())
        let signal = try await SignalWatch.run {
            let result = try await broker.resend(messages, logger: Console.ofCommands)
            report.withLock { $0 = result }
        }
        let summary = ResendSummary(fixtures, report.withLock { $0 })
        for line in summary.failures { CommandErrors.note(line) }
        print(summary.sent)
        if let signal { throw ExitCode(128 + signal) }
        if summary.isFailed { throw ExitCode.failure }
    }
}
