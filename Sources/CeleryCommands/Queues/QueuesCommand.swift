public import ArgumentParser
internal import Celery
internal import CeleryProtocol
internal import CeleryTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// `queues`: how many messages queues have.
public struct QueuesCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "queues",
        abstract: "Show how many messages wait in queues, are held by workers, and who consumes them.",
        discussion: """
            Nothing is changed and no message is touched. Without -Q the queues are those of the settings, those that \
            workers consume which answer within --timeout, and on Redis those that are bound.

            On Redis HELD is what workers of both languages have taken and not acknowledged, CONSUMERS is how many workers \
            say that they consume the queue, and PRIORITIES is how many messages wait in each step. On RabbitMQ CONSUMERS \
            is what the server counts; what is held it tells over its management page only. OLDEST is the age of the message \
            that has waited longest, on Redis, where its sender gave it a timestamp; Celery gives none unless it is told to. \
            What is not known is shown as -.
            """)

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions

    @Option(
        name: [.customShort("Q", allowingJoined: true), .long],
        help: ArgumentHelp("The queues, separated by commas.", valueName: "names"))
    var queues: QueueNames?

    @Option(
        name: .shortAndLong, parsing: .unconditional, help: "For how many seconds to wait for what workers say.",
        transform: NumberArgument.positiveSeconds())
    var timeout: Duration = ControlClient.usualTimeout

    @Flag(help: "Go on, until Ctrl-C.")
    var watch = false

    @Option(
        name: .long, parsing: .unconditional, help: "With --watch: how many seconds there are between two looks.",
        transform: NumberArgument.positiveSeconds())
    var interval: Duration?

    @Flag(name: .shortAndLong, help: "Print one JSON object, with a key for each queue; with --watch one a line.")
    var json = false

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws {
        if interval != nil, !watch { throw ValidationError("--interval is for --watch") }
    }

    /// Looks and prints.
    public func run() async throws {
        let settings = try connection.configuration()
        let look = QueueLook(
            broker: try connection.makeBroker(settings), client: try connection.makeClient(logger: Console.ofCommands),
            wanted: queues?.names, known: settings.consumedQueues.map(\.name) + settings.routing.queues.map(\.name),
            timeout: timeout)
        let outcome = await Result {
            guard watch else { return Self.show(try await look.reports(), json: json, watch: false) }
            // Whoever watches ends it so.
            _ = try await SignalWatch.run { [json, interval] in
                while true {
                    Self.show(try await look.reports(), json: json, watch: true)
                    try await Task.sleep(for: interval ?? .seconds(2))
                }
            }
        }
        await look.client.close()
        try outcome.get()
    }

    private static func show(_ reports: [QueueReport], json: Bool, watch: Bool) {
        if json {
            var byName: JSONObject = [:]
            for report in reports { byName[report.name] = report.json }
            return JSONOutput.print(.object(byName))
        }
        let isTerminal = TerminalStyle.isTerminal(STDOUT_FILENO)
        let style = TerminalStyle(noColor: false, isTerminal: isTerminal)
        let table = QueueTable(reports, now: .now)
        var lines = table.lines
        lines[0] = style(lines[0], .bold)
        for (position, report) in reports.enumerated() where report.isStuck {
            lines[position + 1] = style(lines[position + 1], .red)
        }
        var text = lines.joined(separator: "\n") + "\n"
        if watch {
            let time = Date.now.formatted(.iso8601)
            text = isTerminal ? "\u{1b}[H\u{1b}[J\(time)\n\n\(text)" : "\(time)\n\(text)\n"
        }
        LogOutput.standardOutput.write(text)
    }
}
