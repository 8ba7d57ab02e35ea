import ArgumentParser
import CeleryCommands

/// The command line tool.
@main
struct CelerySwift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "celery-swift",
        abstract: "Celery tasks in Swift: run them, send them, read their results.",
        subcommands: [
            WorkerSubcommand<StockWorker>.self, CallCommand.self, ResultCommand.self, ImportConfigCommand.self,
        ]
    )

    @concurrent static func main() async {
        await runAsProgram()
    }
}
