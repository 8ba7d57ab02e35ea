import Celery

/// What the suite's tasks have in common.
enum Suite {
    /// The module of its tasks and exceptions.
    static let module = "t.integration.tasks"

    /// The name of a task whose function is called so.
    static func name(_ function: String) -> String { "\(module).\(function)" }

    /// An exception that compares equal to another one with the same arguments.
    static func expectedException(_ arguments: [JSONValue] = []) -> TaskFailure {
        TaskFailure(type: "ExpectedException", module: module, arguments: arguments)
    }

    /// An exception whose class takes two arguments and keeps one of them.
    static func unpickleableException(_ foo: JSONValue) -> TaskFailure {
        TaskFailure(type: "UnpickleableException", module: module, arguments: [foo])
    }
}

extension TaskHandler {
    /// A task of the suite with any positional arguments and no others.
    init(
        positional function: String, retry: RetryPolicy = .manual(), options: TaskOptions = .init(),
        body: @escaping @Sendable (TaskContext, [JSONValue]) async throws -> JSONValue
    ) {
        self.init(named: Suite.name(function), retry: retry, options: options) { context, arguments, keywords in
            if let (name, _) = keywords.entries.first {
                throw TaskFailure(
                    type: "TypeError", message: "\(function)() got an unexpected keyword argument '\(name)'")
            }
            return try await body(context, arguments)
        }
    }
}
