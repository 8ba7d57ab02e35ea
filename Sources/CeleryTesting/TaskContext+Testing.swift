public import Celery
public import CeleryProtocol
public import Logging

extension TaskContext {
    /// A context as a worker makes it, for calling a handler's code in a test. States that it reports go nowhere, and
    /// it cannot send tasks.
    ///
    /// - Parameters:
    ///   - request: the task's metadata; by default a first try of `test` with the id `test`.
    ///   - queue: the queue that the message came from.
    ///   - logger: the worker's logger; by default one that says nothing.
    public static func testing(
        _ request: TaskRequest = TaskRequest(task: "test", id: "test"), queue: String = "celery",
        logger: Logger? = nil
    ) -> TaskContext {
        let logger = logger ?? Logger(label: "celery.test", factory: { _ in SwiftLogNoOpLogHandler() })
        return TaskContext(request: request, queue: queue, environment: TaskEnvironment(logger: logger))
    }
}
