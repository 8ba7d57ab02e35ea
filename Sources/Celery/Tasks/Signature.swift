public import CeleryProtocol

/// A call of a task that can be sent: the task's name and its arguments. Celery's signature.
public struct Signature<Output: Sendable>: Sendable {
    /// The name of the task.
    public let task: String
    package let payload: @Sendable () throws -> TaskPayload
    let decodeOutput: @Sendable (JSONValue) throws -> Output
}

extension Signature where Output == JSONValue {
    /// A call by name, for tasks without a ``TaskDefinition``, with literals of JSON and values that are JSON already.
    public init(task: String, arguments: [JSONValue] = [], keywords: JSONObject = [:]) {
        self.init(
            task: task,
            payload: { TaskPayload(args: arguments, kwargs: keywords) },
            decodeOutput: { $0 }
        )
    }

    /// A call by name, for tasks without a ``TaskDefinition``, with whatever is `Encodable`: variables, dates, values of
    /// your own. `nil` is Python's `None`.
    ///
    ///     Signature(task: "images.resize", arguments: [path, Size(width: 320)], keywords: ["before": date])
    ///
    /// The values are encoded when the task is sent. Of keywords that are given twice the last one counts.
    @_disfavoredOverload
    public init(
        task: String,
        arguments: [(any Encodable & Sendable)?] = [],
        keywords: KeyValuePairs<String, (any Encodable & Sendable)?> = [:]
    ) {
        self.init(
            task: task,
            payload: {
                func encoded(_ value: (any Encodable)?) throws -> JSONValue {
                    try value.map { try JSONValueEncoder().encode($0) } ?? .null
                }
                var kwargs = JSONObject()
                for (name, value) in keywords { kwargs[name] = try encoded(value) }
                return TaskPayload(args: try arguments.map { try encoded($0) }, kwargs: kwargs)
            },
            decodeOutput: { $0 }
        )
    }
}
