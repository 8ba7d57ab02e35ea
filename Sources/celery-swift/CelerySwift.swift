import ArgumentParser
import CeleryCommands

/// The command line tool.
@main
struct CelerySwift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "celery-swift",
        abstract: "Celery tasks in Swift: run them, send them, read their results.",
        discussion: """
            celery-swift worker -b redis://localhost -Q swift         runs the stock worker
            celery-swift call swift.add -a '[1, 2]' --queue swift     sends it a task

            It shares queues and results with Python's Celery, and takes the options of celery's command lines. \
            Celery's settings, such as task_routes, are read from a file with --config, and from environment variables \
            such as CELERY_BROKER_URL and CELERY_WORKER_CONCURRENCY, which count more; options count most.
            """,
        version: ProgramVersion.package,
        subcommands: [
            WorkerSubcommand<StockWorker>.self, CallCommand.self, ResultCommand.self, StatusCommand.self,
            InspectCommand.self, SteerCommand.self, EventsCommand.self, QueuesCommand.self, PurgeCommand.self,
            DeadLettersCommand.self, ListCommand.self, CaptureCommand.self,
            ReplaySubcommand<StockWorker>.self, ImportConfigCommand.self,
        ]
    )

    @concurrent static func main() async {
        await runAsProgram()
    }
}
