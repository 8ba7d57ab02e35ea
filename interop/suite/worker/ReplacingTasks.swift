import Celery
import CeleryProtocol
import InteropRedis

/// Tasks that have others take their place.
struct ReplacingTasks {
    let redis: BlockingRedis

    @TaskHandlerBuilder var handlers: [TaskHandler] {
        plain
        chains
        stamped
        nested
    }

    private func call(_ function: String, _ arguments: [JSONValue] = [], isImmutable: Bool = false) -> CanvasNode {
        CanvasNode(task: Suite.name(function), args: arguments, isImmutable: isImmutable)
    }

    @TaskHandlerBuilder private var plain: [TaskHandler] {
        TaskHandler(
            TaskDefinition(Suite.name("add_replaced"), PlainTasks.x, PlainTasks.y)
        ) { [self] context, x, y in try context.replace(with: call("add", [x, y])) }
        TaskHandler(positional: "fail_replaced") { [self] context, arguments in
            try context.replace(with: call("fail", arguments, isImmutable: true))
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("add_to_all"), Parameter("nums", as: [JSONValue].self), Parameter("val", as: JSONValue.self))
        ) { [self] context, numbers, value in
            try context.replace(with: .group(numbers.map { call("add", [$0, value]) }))
        }
    }

    @TaskHandlerBuilder private var chains: [TaskHandler] {
        TaskHandler(
            TaskDefinition(Suite.name("add_replaced_with_chain"), PlainTasks.x, PlainTasks.y)
        ) { [self] context, x, y in try context.replace(with: .chain([call("add", [x, y]), call("identity")])) }
        TaskHandler(named: Suite.name("replace_with_chain")) { [self] context, arguments, keywords in
            var chain = try CanvasNode.chain([call("identity", arguments), call("identity")])
            try chain.link(echo(keywords["link_msg"]))
            try context.replace(with: chain)
        }
        TaskHandler(named: Suite.name("replace_with_chain_which_raises")) { [self] context, arguments, keywords in
            var chain = try CanvasNode.chain([call("identity", arguments), call("raise_error")])
            try chain.linkError(echo(keywords["link_msg"]))
            try context.replace(with: chain)
        }
        TaskHandler(positional: "replace_with_empty_chain") { context, _ in
            try context.replace(with: CanvasNode(.chain([])))
        }
        TaskHandler(positional: "replace_with_chain_which_contains_a_group") { [self] context, _ in
            try context.replace(
                with: .chain([call("add", [1, 2]), .group([call("add", [1]), call("add", [1])])]))
        }
    }

    /// Leaves the result in Redis, or the message if there is one.
    private func echo(_ message: JSONValue?) -> CanvasNode {
        guard let message, !message.isNull else { return call("redis_echo") }
        return call("redis_echo", [message], isImmutable: true)
    }

    @TaskHandlerBuilder private var stamped: [TaskHandler] {
        let replacement = Parameter("replace_with", default: JSONValue.null)
        TaskHandler(TaskDefinition(Suite.name("replace_with_stamped_task"), replacement)) {
            [self] context, replacement in
            var signature = replacement.isNull ? call("replaced_with_me") : try CanvasNode(replacement)
            try signature.stamp(["StampOnReplace": "This is the replaced task"])
            try context.replace(with: signature)
        }
    }

    @TaskHandlerBuilder private var nested: [TaskHandler] {
        TaskHandler(
            TaskDefinition(
                Suite.name("record_replaced_task_nesting"), Parameter("replacements", as: Int.self),
                Parameter("nesting", default: JSONValue.null), returning: JSONValue.self)
        ) { [self] context, replacements, nesting in
            let nestings = (nesting.arrayValue ?? []) + [.integer(context.request.replacedTaskNesting)]
            guard replacements > 0 else { return .array(nestings) }
            var next = call("record_replaced_task_nesting", [.integer(replacements - 1), .array(nestings)])
            next.options["reply_to"] = context.request.replyTo.map(JSONValue.string) ?? .null
            try context.replace(with: next)
        }
        secondOrder("second_order_replace1", "A") { call("second_order_replace2") }
        secondOrder("second_order_replace2", "B") { call("redis_echo", ["In/Out C"]) }
    }

    /// Is replaced by `inner` and itself once more, and leaves a mark each time.
    private func secondOrder(_ function: String, _ letter: String, inner: @escaping @Sendable () -> CanvasNode)
        -> TaskHandler
    {
        let state = Parameter("state", default: JSONValue.bool(false))
        return TaskHandler(TaskDefinition(Suite.name(function), state)) { [self] context, state in
            let tasks = RedisTasks(redis: redis)
            guard !state.isTruthy else { return try tasks.push(.string("Out \(letter)"), to: "redis-echo") }
            try tasks.push(.string("In \(letter)"), to: "redis-echo")
            var again = call(function, isImmutable: true)
            again.kwargs["state"] = true
            try context.replace(with: .chain([inner(), again]))
        }
    }
}
