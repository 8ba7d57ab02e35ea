import ArgumentParser
import Celery
import CeleryCommands

/// The command line tool.
@main
struct CelerySwift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "celery-swift",
        abstract: "Celery tasks in Swift: run them, send them, read their results.",
        subcommands: [WorkerCommand.self, CallCommand.self, ResultCommand.self]
    )

    /// As ArgumentParser's own, but errors repeat no password.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            CommandErrors.end(Self.self, error)
        }
    }
}

/// `worker`: the stock worker.
struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Run a worker that offers the swift.* tasks.")

    @OptionGroup var arguments: WorkerArguments

    func run() async throws {
        try await arguments.run(handlers: StockTasks.handlers)
    }
}
