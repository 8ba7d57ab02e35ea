public import CeleryProtocol

/// A call of a task that can be sent: the task's name and its arguments. Celery's signature.
public struct Signature<Output: Sendable>: Sendable {
    /// The name of the task.
    public let task: String
    package let payload: @Sendable () throws -> TaskPayload
    let decodeOutput: @Sendable (JSONValue) throws -> Output
}

extension Signature where Output == JSONValue {
    /// A call by name, for tasks without a ``TaskDefinition``.
    public init(task: String, arguments: [JSONValue] = [], keywords: JSONObject = [:]) {
        self.init(
            task: task,
            payload: { TaskPayload(args: arguments, kwargs: keywords) },
            decodeOutput: { $0 }
        )
    }
}
