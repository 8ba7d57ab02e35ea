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
            commandName: "worker", abstract: WorkerArguments.abstract, discussion: WorkerArguments.discussion)
    }

    @OptionGroup var arguments: WorkerArguments

    /// For the argument parser.
    public init() {}

    /// Runs the worker until SIGTERM or SIGINT, the second of which cancels running tasks.
    public func run() async throws {
        try await arguments.run(Worker())
    }
}

extension WorkerSubcommand: WorkerCommandLine {}
