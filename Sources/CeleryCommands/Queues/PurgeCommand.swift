public import ArgumentParser
internal import Celery
internal import CeleryProtocol
internal import CeleryTransport

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// `purge`: deletes what waits in queues.
public struct PurgeCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "purge", abstract: "Delete all messages that wait in queues.",
        discussion: """
            There is no way back. What workers hold already is not deleted, running tasks and those that wait for their eta \
            among them. Without -Q the queues are those of task_queues, else task_default_queue, which is celery.
            """)

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var force = false

    @Option(
        name: [.customShort("Q", allowingJoined: true), .long],
        help: ArgumentHelp("The queues, separated by commas.", valueName: "names"))
    var queues: QueueNames?

    @Option(
        name: [.customShort("X", allowingJoined: true), .long],
        help: ArgumentHelp("The queues to leave alone, separated by commas.", valueName: "names"))
    var excludeQueues: QueueNames?

    @Flag(name: .shortAndLong, help: "Print one JSON object.")
    var json = false

    /// For the argument parser.
    public init() {}

    /// Asks, deletes and prints how many there were.
    public func run() async throws {
        let configuration = try connection.configuration()
        let broker = try connection.makeBroker(configuration)
        let excluded = excludeQueues?.names ?? []
        let names = (queues?.names ?? configuration.consumedQueues.map(\.name)).filter { !excluded.contains($0) }
            .sorted()
        guard !names.isEmpty else { throw ValidationError("-X leaves no queue to purge") }
        let word = Counted.plural(names.count, "queue")
        if !force {
            let style = TerminalStyle(noColor: false, isTerminal: TerminalStyle.isTerminal(STDERR_FILENO))
            try Confirmation.demand(
                """
                \(style("WARNING", .red)): This will remove all tasks from \(word): \
                \(names.map { LogText.name($0).description }.joined(separator: ", ")).
                         There is no undo for this operation!

                (to skip this prompt use the -f option)
                Are you sure you want to delete all tasks?
                """)
        }
        let counts = try await broker.purge(names, logger: Console.ofCommands)
        let sum = counts.reduce(0, +)
        if json {
            var byName: JSONObject = [:]
            for (name, count) in zip(names, counts) { byName[name] = .integer(count) }
            JSONOutput.print(["purged": .integer(sum), "queues": .object(byName)])
        } else if sum > 0 {
            print("Purged \(Counted.text(sum, "message")) from \(names.count) known task \(word).")
        } else {
            print("No messages purged from \(names.count) \(word).")
        }
    }
}
