/// Sees the tasks that a client or a worker sends and those that a worker runs, before, during and after, and may change
/// them: logging, metrics, traces, tenants.
///
///     struct Tenants: CeleryMiddleware {
///         func send(_ task: OutgoingTask, next: (OutgoingTask) async throws -> Void) async throws {
///             var task = task
///             task.headers["tenant"] = "north"
///             try await next(task)
///         }
///
///         func run(
///             _ task: IncomingTask, next: (IncomingTask) async -> TaskOutcome
///         ) async throws -> TaskOutcome {
///             guard task.context.request.headers["tenant"] == "north" else { throw Reject() }
///             return await next(task)
///         }
///     }
///
/// The first of several is the outermost. What is not written passes on.
public protocol CeleryMiddleware: ConcurrentMiddleware {
    /// Sends a task: what a client or a handler enqueues, and in a worker also what follows a task, and its next try.
    ///
    /// - Parameters:
    ///   - task: the message as it is about to leave; pass a changed copy on.
    ///   - next: sends it, through the middleware after this one; throws what ``CeleryClient/enqueue(_:options:)->TaskHandle<Output>`` does. A
    ///     connection that breaks meanwhile is made again within it.
    /// - Throws: what the caller gets. Where a task's successor cannot be sent that task has failed, as it has when its next
    ///   try cannot. To return without having called `next` is an error too: nobody would ever hear of the task.
    func send(_ task: OutgoingTask, next: (OutgoingTask) async throws -> Void) async throws

    /// Runs a task, each try anew, with what the message's sender wrote.
    ///
    /// What is bound to the calling task while `next` runs, such as a `ServiceContext`, the handler finds too, and so does
    /// ``send(_:next:)`` for what follows the task.
    ///
    /// - Parameters:
    ///   - task: the task with its context.
    ///   - next: runs the handler, within the middleware after this one. Its errors are outcomes here.
    /// - Returns: what becomes of the task: what `next` has returned, or something else.
    /// - Throws: what counts as if the handler had thrown it: ``Retry``, ``Ignore`` and ``Reject`` among others.
    func run(_ task: IncomingTask, next: (IncomingTask) async -> TaskOutcome) async throws -> TaskOutcome

    /// Something has happened in a worker that is no run of a task. Called in passing: it must return at once.
    func observe(_ event: WorkerEvent)
}

extension CeleryMiddleware {
    /// Passes on.
    public func send(_ task: OutgoingTask, next: (OutgoingTask) async throws -> Void) async throws {
        try await next(task)
    }

    /// Passes on.
    public func run(_ task: IncomingTask, next: (IncomingTask) async -> TaskOutcome) async throws -> TaskOutcome {
        await next(task)
    }

    /// Does nothing.
    public func observe(_ event: WorkerEvent) {}
}
