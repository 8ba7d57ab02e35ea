import Celery

/// Tasks that are tried again.
enum RetryTasks {
    private static let once = RetryPolicy.manual(maxRetries: 1)
    private static let foo = Parameter("foo", as: Int.self)
    private static let bar = Parameter("bar", as: Int.self)

    @TaskHandlerBuilder static var handlers: [TaskHandler] {
        let returnValue = Parameter("return_value", default: JSONValue.null)
        TaskHandler(
            TaskDefinition(Suite.name("retry"), returnValue, returning: JSONValue.self),
            retry: .manual(backoff: .constant(.seconds(1)))
        ) { context, value in
            if value.isTruthy, context.retries >= 3 { return value }
            throw Retry(after: .seconds(5), because: Suite.expectedException())
        }
        TaskHandler(named: "auto_retry_class_task", retry: .automatic(on: TaskFailure.self, maxRetries: 1)) {
            context, _, _ in
            guard context.retries > 0 else { throw TaskFailure(type: "ValueError", arguments: []) }
            return .integer(context.retries)
        }
        TaskHandler(named: Suite.name("retry_once"), retry: once) { context, _, keywords in
            guard context.retries > 0 else { throw Retry(after: countdown(keywords)) }
            return .integer(context.retries)
        }
        TaskHandler(named: Suite.name("retry_once_priority"), retry: once) { context, _, keywords in
            guard context.retries > 0 else { throw Retry(after: countdown(keywords)) }
            return context.request.priority.map(JSONValue.integer) ?? .null
        }
        TaskHandler(named: Suite.name("retry_once_headers"), retry: once) { context, _, keywords in
            guard context.retries > 0 else { throw Retry(after: countdown(keywords)) }
            return .object(context.request.headers)
        }
        retriedAtOnce("retry_once_ignore_result", ignoresResult: true)
        retriedAtOnce("retry_once_with_result", ignoresResult: false)
    }

    private static func retriedAtOnce(_ function: String, ignoresResult: Bool) -> TaskHandler {
        TaskHandler(
            TaskDefinition(Suite.name(function), returning: Int.self),
            options: TaskOptions(ignoreResult: ignoresResult)
        ) { context in
            guard context.retries > 0 else { throw Retry(after: .zero) }
            return context.retries
        }
    }

    /// The wait that the call asks for: a tenth of a second if it says nothing, the task's own if it says `None`.
    private static func countdown(_ keywords: JSONObject) -> Duration? {
        guard let value = keywords["countdown"] else { return .milliseconds(100) }
        return value.doubleValue.map { .seconds($0) }
    }
}
