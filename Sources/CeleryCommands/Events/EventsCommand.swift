public import ArgumentParser
internal import Celery
internal import CeleryProtocol
internal import Logging

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// `events`: shows what workers and tasks do.
public struct EventsCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what workers and tasks do, in whichever language.",
        discussion: """
            Without --dump and --json the terminal shows workers and tasks, until q or Ctrl-C.

            Workers tell of tasks with -E, or after celery-swift control enable_events.
            """)

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions

    @Flag(name: .shortAndLong, help: "Print each event on a line.")
    var dump = false

    @Flag(name: .shortAndLong, help: "Print each event as a JSON object on a line, as it was sent.")
    var json = false

    @Option(
        name: [.customShort("F"), .long, .customLong("freq")], parsing: .unconditional,
        help: ArgumentHelp("How often the terminal is redrawn at most. Default: 1.", valueName: "seconds"),
        transform: NumberArgument.positiveSeconds())
    var frequency = Duration.seconds(1)

    @Option(name: [.customShort("c"), .long], help: .hidden)
    var camera: String?

    @Option(name: [.customShort("r"), .long], help: .hidden)
    var maxrate: String?

    @Flag(help: .hidden)
    var detach = false

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws {
        if dump, json { throw ValidationError("--dump and --json are two forms of the same: give one of them") }
        if camera != nil || maxrate != nil || detach {
            throw ValidationError(
                "--camera, --maxrate and --detach are for snapshots by a class of Python: run celery events for them")
        }
    }

    /// Shows events until it is told to end.
    public func run() async throws {
        let isScreen = !dump && !json
        let isTerminal = TerminalStyle.isTerminal(STDOUT_FILENO) && TerminalStyle.isTerminal(STDIN_FILENO)
        guard !isScreen || isTerminal else {
            throw ValidationError(
                "there is no terminal to show workers and tasks on: --dump prints a line for each event, --json an object"
            )
        }
        let client = try connection.makeClient(logger: Console.ofCommands)
        let outcome = await Result {
            try await SignalWatch.run { [frequency, json] in
                if isScreen {
                    try await EventScreen(client: client, interval: frequency).run()
                } else {
                    try await Self.print(client, json: json)
                }
            }
        }
        await client.close()
        _ = try outcome.get()
    }

    private static func print(_ client: CeleryClient, json: Bool) async throws {
        let events = try await client.events()
        var lines = EventLine()
        if !json { LogOutput.standardOutput.write("-> evdump: starting capture...\n") }
        for try await event in events {
            if json {
                JSONOutput.print(.object(event.fields))
            } else {
                LogOutput.standardOutput.write(lines.line(event) + "\n")
            }
        }
    }
}
