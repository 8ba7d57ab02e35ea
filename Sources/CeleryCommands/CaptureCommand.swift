public import ArgumentParser
internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTesting
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// `capture`: copies the messages of a queue into a file of fixtures.
public struct CaptureCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "capture",
        abstract: "Copy the messages that wait in a queue into a file, for replay and for tests; none is taken.",
        discussion: """
            On Redis the queue's lists are read and nothing is changed. On RabbitMQ the messages are delivered, kept for as \
            long as it takes to copy them, and put back where they were: they count as redelivered then. A quorum queue delivers \
            all that it has, whatever --count is, and counts that as a delivery: one with a delivery limit sends a message \
            away that has come to it. Messages that workers hold are not seen.

            With --follow messages are copied as they come, until Ctrl-C or --count. On Redis the lists are looked at ten \
            times a second: a message that an idle worker takes at once is missed. On RabbitMQ a copy of what the queue's \
            exchange gets is asked for: messages by the default exchange, as Celery sends them to the queue of a direct \
            exchange, cannot be copied that way.

            The file is complete at any time, whatever ends the capture; what is written to standard output (-o -) has its end \
            only when the capture has.
            """)

    @OptionGroup var connection: ConnectionOptions

    @Option(
        name: [.customShort("Q"), .long],
        help: ArgumentHelp(
            "The queue; for --follow on RabbitMQ with its exchange, as in 'orders?exchange=shop&exchange-type=topic&routing-key=shop.#'.",
            valueName: "name"))
    var queue: String

    @Option(
        name: .long, parsing: .unconditional, help: "How many messages to copy at most.",
        transform: NumberArgument.whole(1...Int.max))
    var count: Int?

    @Flag(help: "Go on copying messages as they come.")
    var follow = false

    @Option(name: [.short, .long], help: ArgumentHelp("The file to write; - for standard output.", valueName: "file"))
    var output: String

    @Flag(help: "Replace the file if it is there.")
    var force = false

    @Option(
        name: .long, parsing: .upToNextOption,
        help: ArgumentHelp(
            "Values to leave out: args.0, args.-1, kwargs.card.number, args.*.password, headers.traceparent. A path of arguments holds for chains and callbacks in the message too, and leaves out the texts that repeat the arguments.",
            valueName: "path"))
    var redact: [String] = []

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws {
        guard !queue.contains(",") else { throw ValidationError("-Q of capture is one queue") }
        _ = try QueueArgument(queue)
        _ = try redaction()
    }

    private func redaction() throws -> FixtureRedaction {
        do {
            return try FixtureRedaction(redact)
        } catch {
            throw ValidationError("--redact: \(error)")
        }
    }

    /// Copies the messages.
    public func run() async throws {
        let configuration = try connection.configuration()
        let broker = try connection.makeBroker(configuration)
        let argument = try QueueArgument(queue)
        let queue = try argument.applied(to: configuration.routing.queue(named: argument.name))
        let redaction = try redaction()
        let file = try CaptureFile(
            output, replacing: force,
            about: [
                "captured": .string(Date.now.formatted(.iso8601)), "broker": .string(broker.location),
                "queue": .string(queue.name),
            ])
        let limit = count ?? .max
        let tally = Locked(RedactionTally())
        let receive: CapturingBroker.Receiver = { messages in
            let wanted = messages.prefix(limit - file.count)
            try file.append(tally.withLock { tally in wanted.map { redaction.apply(to: $0, &tally) } })
            return file.count < limit
        }
        var logger = Console.ofCommands
        logger.logLevel = .notice
        var signal: Int32?
        do {
            signal = try await SignalWatch.run { [follow, logger] in
                if follow {
                    try await broker.follow(queue, logger: logger, receive)
                } else {
                    try await broker.capture(queue, upTo: limit, logger: logger, receive)
                }
            }
            try file.finish()
        } catch {
            if file.count > 0 { note(file, of: queue, "not all was copied: ") }
            throw error
        }
        note(file, of: queue, signal != nil && !follow ? "interrupted: " : "")
        note(unmatched: redaction, tally.withLock { $0 })
        // Whoever follows ends it so.
        if let signal, !follow { throw ExitCode(128 + signal) }
    }

    private func note(_ file: CaptureFile, of queue: Queue, _ beginning: String) {
        let copied = "\(Counted.text(file.count, "message")) of \(LogText.name(queue.name)) copied"
        CommandErrors.note("\(beginning)\(copied)\(output == "-" ? "" : " to \(output)")")
    }

    /// Who leaves something out wants to know when it was not there: the path may be wrong.
    private func note(unmatched redaction: FixtureRedaction, _ tally: RedactionTally) {
        guard tally.messages > 0 else { return }
        for path in redaction.paths where !tally.hasFound(path) {
            let unread = tally.unreadable
            let rest = unread > 0 ? ", \(unread) of which could not be read and went as a whole" : ""
            CommandErrors.note("--redact \(path) matched nothing in \(Counted.text(tally.messages, "message"))\(rest)")
        }
    }
}
