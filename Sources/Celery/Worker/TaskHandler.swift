public import CeleryProtocol

/// A task that a worker can run: its definition, its options and its body.
public struct TaskHandler: Sendable {
    /// The name of the task.
    public let name: String
    /// How the task is run.
    public let options: TaskOptions
    let retry: RetryPolicy
    /// The names of its parameters, in order; `nil` where it takes whatever comes.
    package let parameters: [String]?
    let body: @Sendable (TaskContext, TaskPayload) async throws -> JSONValue
    /// What it does with the failures of tasks, if it is an ``ErrbackHandler``.
    var errback: ErrbackHandler.Body?

    /// A task with typed parameters.
    ///
    /// - Parameters:
    ///   - definition: what caller and worker agree on.
    ///   - retry: when a failure leads to another try; by default only when the body throws ``Retry``.
    ///   - options: how the task is run; by default as the worker's options say.
    ///   - body: runs the task. What it throws is the task's failure, but for ``Retry``, ``Ignore`` and ``Reject``.
    public init<each P: Codable & Sendable, Output: Sendable>(
        _ definition: TaskDefinition<(repeat each P), Output>,
        retry: RetryPolicy = .manual(),
        options: TaskOptions = .init(),
        body: @escaping @Sendable (TaskContext, repeat each P) async throws -> Output
    ) {
        name = definition.name
        self.retry = retry
        self.options = options
        parameters = definition.parameters.map(\.name)
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
        parameters = nil
        self.body = { context, payload in try await body(context, payload.args, payload.kwargs) }
    }
}
