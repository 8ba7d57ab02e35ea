public import CeleryProtocol

/// A task that is told in the worker itself of the failures of tasks it was given to as `link_error`, with all that is
/// known of them: Celery's errback of the form `(request, exc, traceback)`.
///
/// It stands among a worker's handlers. An errback that this worker has no such handler for is sent as a task, with the id
/// of the failed task as its first argument.
///
///     ErrbackHandler("orders.failed") { context, failure in
///         context.logger.error("order \(context.id) has failed: \(failure)")
///     }
public struct ErrbackHandler: Sendable {
    /// What is done with a failure.
    typealias Body = @Sendable (TaskContext, TaskFailure, [JSONValue], JSONObject) async throws -> Void

    /// Among the others by its name. As a task of its own it cannot be run: nobody would give it a failure.
    let handler: TaskHandler

    /// An errback without arguments of its own.
    ///
    /// - Parameters:
    ///   - name: the name of the task.
    ///   - body: gets the context of the task that has failed, and the failure. What it throws is logged.
    public init(
        _ name: String, body: @escaping @Sendable (_ context: TaskContext, _ failure: TaskFailure) async throws -> Void
    ) {
        self.init(name) { context, failure, _, _ in try await body(context, failure) }
    }

    /// An errback with arguments of its own.
    ///
    /// - Parameters:
    ///   - name: the name of the task.
    ///   - body: gets the context of the task that has failed, the failure, and the arguments that the errback was given
    ///     when it was linked. What it throws is logged.
    public init(
        _ name: String,
        body:
            @escaping @Sendable (
                _ context: TaskContext, _ failure: TaskFailure, _ args: [JSONValue], _ kwargs: JSONObject
            ) async throws -> Void
    ) {
        handler = TaskHandler(errback: name, body: body)
    }
}

extension TaskHandler {
    fileprivate init(errback name: String, body: @escaping ErrbackHandler.Body) {
        let function = name.split(separator: ".").last.map(String.init) ?? name
        self.init(named: name) { _, _, _ in
            throw TaskFailure(
                type: "TypeError",
                message: "\(function)() missing 2 required positional arguments: 'exc' and 'traceback'")
        }
        errback = body
    }
}
