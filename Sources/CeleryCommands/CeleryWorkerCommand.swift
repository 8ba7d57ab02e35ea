internal import ArgumentParser
public import Celery
public import Logging
internal import ServiceLifecycle

/// A worker program of your own: its handlers and what they need, and with it the whole command line of
/// `celery-swift worker`.
///
///     @main struct ImagesWorker: CeleryWorkerCommand {
///         let images = ImageStore()
///
///         var handlers: [TaskHandler] {
///             TaskHandler(Tasks.resize) { context, path, width in try await images.resize(path, to: width) }
///         }
///     }
///
/// What is kept in properties lives as long as the worker. As a subcommand of a command line of your own it is
/// ``WorkerSubcommand``.
public protocol CeleryWorkerCommand: Sendable {
    /// The program's own version, for `--version`, which prints that of swift-celery as well. By default empty.
    static var version: String { get }

    /// Makes what the handlers need, such as a pool of database connections. Called once, when the command line has been
    /// understood and nothing is connected yet; what it throws ends the program with status 1.
    init() async throws

    /// The tasks that this worker runs.
    @TaskHandlerBuilder var handlers: [TaskHandler] { get }

    /// The program's settings: queues, routes, how tasks run. What `--config`, environment variables and options say counts
    /// more. By default Celery's defaults.
    var configuration: CeleryConfiguration { get }

    /// What every task passes that is run or sent, such as metrics, traces and what is your own; the first is the
    /// outermost. By default nothing.
    var middleware: [any CeleryMiddleware] { get }

    /// What else runs in this program, such as the pool: started before the worker, shut down when it has ended. If one of
    /// them ends, so does the program. By default nothing.
    var services: [any Service] { get }

    /// The worker's log. By default `nil`: what `LoggingSystem` was bootstrapped with, before or in ``init()``, or else a
    /// console as Celery's, or JSON with `--log-format json`.
    ///
    /// A bootstrapped `StreamLogHandler` in which nothing was set looks as if nothing was bootstrapped: give it here.
    var logger: Logger? { get }
}

extension CeleryWorkerCommand {
    /// None but swift-celery's.
    public static var version: String { "" }

    /// Celery's defaults.
    public var configuration: CeleryConfiguration { .init() }

    /// No middleware.
    public var middleware: [any CeleryMiddleware] { [] }

    /// Nothing but the worker.
    public var services: [any Service] { [] }

    /// What was bootstrapped, or the console.
    public var logger: Logger? { nil }

    /// Reads the command line and runs the worker.
    @concurrent public static func main() async {
        await WorkerProgram<Self>.runAsProgram()
    }
}
