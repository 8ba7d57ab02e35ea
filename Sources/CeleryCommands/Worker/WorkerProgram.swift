internal import ArgumentParser

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A whole program that is a worker, or with `replay` runs its handlers on captured messages; its help calls it by the
/// name of its file.
struct WorkerProgram<Worker: CeleryWorkerCommand>: WorkerCommandLine {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: CommandLine.arguments.first.map { URL(filePath: $0).lastPathComponent },
            abstract: abstract, discussion: discussion,
            version: [Worker.version, ProgramVersion.package].filter { !$0.isEmpty }.joined(separator: ", "),
            subcommands: [ReplaySubcommand<Worker>.self])
    }

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Queues") var queues: QueueOptions
    @OptionGroup(title: "Running tasks") var tasks: TaskRunOptions
    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Log") var console: ConsoleOptions
    var unused: [String] = []

    func run() async throws {
        try await run(Worker())
    }
}
