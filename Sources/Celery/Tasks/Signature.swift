public import CeleryProtocol

/// A call that can be sent: of a task with its arguments, or of a workflow with one result at its end. Celery's signature.
public struct Signature<Output: Sendable>: Sendable {
    /// The name of the task; of a workflow the one that Celery gives it, such as `celery.chain`.
    public let task: String
    let stages: CanvasStages
    let decodeOutput: @Sendable (JSONValue) throws -> Output

    /// What is sent.
    ///
    /// - Parameter linksErrorsToHeaders: whether what is linked to the failure of a chord is linked to the tasks of its
    ///   header too.
    package func canvas(linksErrorsToHeaders: Bool = false) throws -> CanvasNode {
        try stages.canvas(linksErrorsToHeaders: linksErrorsToHeaders)
    }
}

extension Signature where Output == JSONValue {
    /// A call by name, for tasks without a ``TaskDefinition``, with literals of JSON and values that are JSON already.
    public init(task: String, arguments: [JSONValue] = [], keywords: JSONObject = [:]) {
        self.init(
            task: task,
            stages: CanvasStages(.one { _ in CanvasNode(task: task, args: arguments, kwargs: keywords) }),
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
            stages: CanvasStages(
                .one { _ in
                    func encoded(_ value: (any Encodable)?) throws -> JSONValue {
                        try value.map { try JSONValueEncoder().encode($0) } ?? .null
                    }
                    var kwargs = JSONObject()
                    for (name, value) in keywords { kwargs[name] = try encoded(value) }
                    return CanvasNode(task: task, args: try arguments.map { try encoded($0) }, kwargs: kwargs)
                }),
            decodeOutput: { $0 }
        )
    }
}
