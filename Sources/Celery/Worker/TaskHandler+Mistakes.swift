/// Closures of another number of parameters than the task has. Without these the compiler's errors tell of packs and of
/// tuples, at other places than the closure.
extension TaskHandler {
    /// Not there: the closure takes the context first.
    @available(
        *, unavailable,
        message: "the closure takes the context and then each of the task's parameters: { context, x, y in … }"
    )
    @_disfavoredOverload
    public init<Input: Sendable, Output: Sendable>(
        _ definition: TaskDefinition<Input, Output>,
        retry: RetryPolicy = .manual(),
        options: TaskOptions = .init(),
        body: @escaping @Sendable () async throws -> Output
    ) { fatalError() }

    /// Not there: the closure takes the context and each of the task's parameters.
    @available(
        *, unavailable,
        message: "the closure takes the context and then each of the task's parameters: { context, x, y in … }"
    )
    @_disfavoredOverload
    public init<Input: Sendable, Output: Sendable>(
        _ definition: TaskDefinition<Input, Output>,
        retry: RetryPolicy = .manual(),
        options: TaskOptions = .init(),
        body: @escaping @Sendable (TaskContext) async throws -> Output
    ) { fatalError() }

    /// Not there: the closure takes each of the task's parameters by itself, not all of them as a tuple.
    @available(
        *, unavailable,
        message: "the closure takes the context and then each of the task's parameters: { context, x, y in … }"
    )
    @_disfavoredOverload
    public init<Input: Sendable, Output: Sendable>(
        _ definition: TaskDefinition<Input, Output>,
        retry: RetryPolicy = .manual(),
        options: TaskOptions = .init(),
        body: @escaping @Sendable (TaskContext, Input) async throws -> Output
    ) { fatalError() }
}
