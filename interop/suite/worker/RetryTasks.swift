import Celery

/// Tasks that are tried again.
enum RetryTasks {
    private static let once = RetryPolicy.manual(maxRetries: 1)

    @TaskHandlerBuilder static var handlers: [TaskHandler] {
        failing
        retriedOnce
        changed
    }

    @TaskHandlerBuilder private static var failing: [TaskHandler] {
        let returnValue = Parameter("return_value", default: JSONValue.null)
        TaskHandler(
            TaskDefinition(Suite.name("retry"), returnValue, returning: JSONValue.self),
            retry: .manual(backoff: .constant(.seconds(1)))
        ) { context, value in
            if value.isTruthy, context.retries >= 3 { return value }
            throw Retry(after: .seconds(5), because: Suite.expectedException())
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("retry_unpickleable"), Parameter("foo", as: JSONValue.self),
                Parameter("bar", as: JSONValue.self), Parameter("retry_kwargs", as: JSONObject.self)),
            retry: .manual(backoff: .constant(.seconds(1)))
        ) { _, foo, _, options in
            throw Retry(
                after: seconds(options["countdown"]), because: Suite.unpickleableException(foo),
                maxRetries: options["max_retries"]?.integerValue)
        }
        TaskHandler(named: "auto_retry_class_task", retry: .automatic(on: TaskFailure.self, maxRetries: 1)) {
            context, _, _ in
            guard context.retries > 0 else { throw TaskFailure(type: "ValueError", arguments: []) }
            return .integer(context.retries)
        }
    }

    @TaskHandlerBuilder private static var retriedOnce: [TaskHandler] {
        TaskHandler(named: Suite.name("retry_once"), retry: once) { context, _, keywords in
            guard context.retries > 0 else { throw retry(as: keywords) }
            return .integer(context.retries)
        }
        TaskHandler(named: Suite.name("retry_once_priority"), retry: once) { context, _, keywords in
            guard context.retries > 0 else { throw retry(as: keywords) }
            return context.request.priority.map(JSONValue.integer) ?? .null
        }
        TaskHandler(named: Suite.name("retry_once_headers"), retry: once) { context, _, keywords in
            guard context.retries > 0 else { throw retry(as: keywords) }
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

    @TaskHandlerBuilder private static var changed: [TaskHandler] {
        let foo = Parameter("foo", as: Int.self)
        let bar = Parameter("bar", as: Int.self)
        TaskHandler(
            TaskDefinition(
                Suite.name("retry_with_args_after_kwargs"), foo, bar, Parameter("label", default: JSONValue.null),
                returning: JSONValue.self),
            retry: once
        ) { context, foo, bar, label in
            guard context.retries > 0 else {
                throw Retry(after: .zero, with: .init(arguments: [.integer(foo + 1), .integer(bar + 1)]))
            }
            return [
                "foo": .integer(foo), "bar": .integer(bar), "label": label, "retries": .integer(context.retries),
                "is_eager": false,
            ]
        }
        TaskHandler(
            TaskDefinition(Suite.name("retry_with_kwargs_after_args"), foo, bar, returning: JSONValue.self), retry: once
        ) { context, foo, bar in
            guard context.retries > 0 else {
                throw Retry(after: .zero, with: .init(keywords: ["foo": .integer(foo + 1)]))
            }
            return [
                "foo": .integer(foo), "bar": .integer(bar), "retries": .integer(context.retries), "is_eager": false,
            ]
        }
    }

    /// Another try as the call wants it: after a tenth of a second if it says nothing, after the task's own time if it says
    /// `None`.
    private static func retry(as keywords: JSONObject) -> Retry {
        Retry(
            after: keywords["countdown"].map(seconds) ?? .milliseconds(100),
            with: .init(expires: seconds(keywords["expires"]).map { .after($0) }),
            maxRetries: keywords["max_retries"]?.integerValue)
    }

    private static func seconds(_ value: JSONValue?) -> Duration? {
        value?.doubleValue.map { .seconds($0) }
    }
}
