public import ArgumentParser

/// A worker as a subcommand, `worker`, of a command line that has others too.
///
/// What ``CeleryWorkerCommand/main()`` understands of Python's command lines beside, such as `-A` before the subcommand,
/// is an unknown option to the parser of your own program.
///
///     static let configuration = CommandConfiguration(subcommands: [WorkerSubcommand<ImagesWorker>.self])
public struct WorkerSubcommand<Worker: CeleryWorkerCommand>: AsyncParsableCommand {
    /// The command's name and help.
    public static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "worker", abstract: abstract, discussion: discussion)
    }

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Queues") var queues: QueueOptions
    @OptionGroup(title: "Running tasks") var tasks: TaskRunOptions
    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Log") var console: ConsoleOptions
    var unused: [String] = []

    /// For the argument parser.
    public init() {}

    /// Runs the worker until SIGTERM or SIGINT, the second of which cancels running tasks.
    public func run() async throws {
        try await run(Worker())
    }
}

extension WorkerSubcommand: WorkerCommandLine {}
