internal import ArgumentParser
public import Celery

/// A worker program of your own: a list of handlers, and with it the whole command line of `celery-swift worker`.
///
///     @main struct ImagesWorker: CeleryWorkerCommand {
///         @TaskHandlerBuilder static var handlers: [TaskHandler] {
///             TaskHandler(Tasks.resize) { context, path, width in … }
///         }
///     }
public protocol CeleryWorkerCommand {
    /// The tasks that this worker runs.
    @TaskHandlerBuilder static var handlers: [TaskHandler] { get }
}

extension CeleryWorkerCommand {
    /// Reads the command line and runs the worker.
    public static func main() async {
        do {
            try await WorkerArguments.parse().run(handlers: handlers)
        } catch {
            CommandErrors.end(WorkerArguments.self, error)
        }
    }
}
