public import CeleryProtocol

/// A task that a worker can run: its definition, its options and its body.
public struct TaskHandler: Sendable {
    /// The name of the task.
    public let name: String
    /// How the task is run.
    public let options: TaskOptions
    let retry: RetryPolicy
    let body: @Sendable (TaskContext, TaskPayload) async throws -> JSONValue

    /// A task with typed parameters.
    ///
    /// - Parameters:
    ///   - definition: what caller and worker agree on.
    ///   - retry: when a failure leads to another try; by default only when the body throws ``Retry``.
    ///   - options: how the task is run; by default as the worker's options say.
    ///   - body: runs the task. What it throws is the task's failure, but for ``Retry``, ``Ignore`` and ``Reject``.
    public init<each P: Sendable, Output: Sendable>(
        _ definition: TaskDefinition<(repeat each P), Output>,
        retry: RetryPolicy = .manual(),
        options: TaskOptions = .init(),
        body: @escaping @Sendable (TaskContext, repeat each P) async throws -> Output
    ) {
        name = definition.name
        self.retry = retry
        self.options = options
        self.body = { context, payload in
            let binding = try ArgumentBinding(
                task: definition.name, parameters: definition.parameters, args: payload.args, kwargs: payload.kwargs)
            let input = try definition.decodeInput(binding)
            return try definition.encodeOutput(try await body(context, repeat each input))
        }
    }

    /// A task that takes whatever arguments come.
    public init(
        named name: String,
        retry: RetryPolicy = .manual(),
        options: TaskOptions = .init(),
        body:
            @escaping @Sendable (_ context: TaskContext, _ args: [JSONValue], _ kwargs: JSONObject) async throws ->
            JSONValue
    ) {
        self.name = name
        self.retry = retry
        self.options = options
        self.body = { context, payload in try await body(context, payload.args, payload.kwargs) }
    }
}

/// How a task is run. What is `nil` is as the worker's ``CeleryWorker/Options`` say.
public struct TaskOptions: Sendable, Hashable {
    /// Whether the message is acknowledged after the task and not before (`acks_late`).
    public var acksLate: Bool?
    /// Whether the result is not stored (`ignore_result`); a caller's own wish counts more.
    public var ignoreResult: Bool?
    /// Whether the state STARTED is stored (`track_started`).
    public var trackStarted: Bool?
    /// Whether the message of a late-acknowledged task is acknowledged when the task fails (`acks_on_failure`). Else
    /// it is rejected, and goes where the queue's dead letters go.
    public var acksOnFailure: Bool?

    /// Makes options; everything is as the worker has it unless given.
    public init(
        acksLate: Bool? = nil, ignoreResult: Bool? = nil, trackStarted: Bool? = nil, acksOnFailure: Bool? = nil
    ) {
        self.acksLate = acksLate
        self.ignoreResult = ignoreResult
        self.trackStarted = trackStarted
        self.acksOnFailure = acksOnFailure
    }
}

/// Builds a worker's list of handlers.
@resultBuilder
public enum TaskHandlerBuilder {
    /// One handler.
    public static func buildExpression(_ handler: TaskHandler) -> [TaskHandler] { [handler] }
    /// Several handlers.
    public static func buildExpression(_ handlers: [TaskHandler]) -> [TaskHandler] { handlers }
    /// All handlers together.
    public static func buildBlock(_ handlers: [TaskHandler]...) -> [TaskHandler] { handlers.flatMap { $0 } }
    /// Handlers under a condition.
    public static func buildOptional(_ handlers: [TaskHandler]?) -> [TaskHandler] { handlers ?? [] }
    /// The first of two alternatives.
    public static func buildEither(first handlers: [TaskHandler]) -> [TaskHandler] { handlers }
    /// The second of two alternatives.
    public static func buildEither(second handlers: [TaskHandler]) -> [TaskHandler] { handlers }
    /// Handlers made in a loop.
    public static func buildArray(_ handlers: [[TaskHandler]]) -> [TaskHandler] { handlers.flatMap { $0 } }
}
