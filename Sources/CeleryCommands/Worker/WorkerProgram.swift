internal import ArgumentParser

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A whole program that is a worker; its help calls it by the name of its file.
struct WorkerProgram<Worker: CeleryWorkerCommand>: WorkerCommandLine {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: CommandLine.arguments.first.map { URL(filePath: $0).lastPathComponent },
            abstract: WorkerArguments.abstract, discussion: WorkerArguments.discussion,
            version: [Worker.version, ProgramVersion.package].filter { !$0.isEmpty }.joined(separator: ", "))
    }

    @OptionGroup var arguments: WorkerArguments

    func run() async throws {
        try await arguments.run(Worker())
    }
}
