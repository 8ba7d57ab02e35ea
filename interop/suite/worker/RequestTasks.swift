import Celery

/// Tasks that tell something of their request.
enum RequestTasks {
    @TaskHandlerBuilder static var handlers: [TaskHandler] {
        let number = Parameter("i", as: JSONValue.self)
        TaskHandler(TaskDefinition(Suite.name("ids"), number, returning: JSONValue.self)) { context, number in
            ids(context, number)
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("collect_ids"), Parameter("res", as: JSONValue.self), number, returning: JSONValue.self)
        ) { context, result, number in [result, ids(context, number)] }
        TaskHandler(positional: "return_priority") { context, _ in
            .string("Priority: \(context.request.priority.map(String.init) ?? "None")")
        }
        TaskHandler(TaskDefinition(Suite.name("return_request_eta"), returning: JSONValue.self)) { context in
            try context.request.messageHeaders()["eta"] ?? .null
        }
        TaskHandler(TaskDefinition(Suite.name("return_properties"), returning: JSONValue.self)) { context in
            .object(context.request.properties)
        }
        TaskHandler(TaskDefinition(Suite.name("return_request_time_limits"), returning: JSONValue.self)) { context in
            limits(context.request)
        }
        // Python's callers put the limits that are declared for the task into its message.
        TaskHandler(TaskDefinition(Suite.name("task_with_declared_time_limits"), returning: JSONValue.self)) {
            context in
            limits(context.request)
        }
    }

    private static func ids(_ context: TaskContext, _ number: JSONValue) -> JSONValue {
        let (root, parent) = (context.request.rootID, context.request.parentID)
        return [root.map(JSONValue.string) ?? .null, parent.map(JSONValue.string) ?? .null, number]
    }

    private static func limits(_ request: TaskRequest) -> JSONValue {
        ["time_limit": request.writtenTimeLimit, "soft_time_limit": request.writtenSoftTimeLimit]
    }
}
