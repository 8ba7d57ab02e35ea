internal import ArgumentParser
public import Celery

/// A worker program of your own: a list of handlers, and with it the whole command line of `celery-swift worker`.
///
///     @main struct ImagesWorker: CeleryWorkerCommand {
///         @TaskHandlerBuilder static var handlers: [TaskHandler] {
///             TaskHandler(Tasks.resize) { context, path, width in … }
///         }
///     }
///
/// As a subcommand of a command line of your own it is ``WorkerSubcommand``.
public protocol CeleryWorkerCommand {
    /// The tasks that this worker runs.
    @TaskHandlerBuilder static var handlers: [TaskHandler] { get }
}

extension CeleryWorkerCommand {
    /// Reads the command line and runs the worker.
    @concurrent public static func main() async {
        await WorkerProgram<Self>.runAsProgram()
    }
}
