import Celery
import InteropRedis

/// Tasks that leave a mark in Redis.
struct RedisTasks {
    let redis: BlockingRedis

    @TaskHandlerBuilder var handlers: [TaskHandler] {
        TaskHandler(
            TaskDefinition(
                Suite.name("redis_echo"), Parameter("message", as: JSONValue.self),
                Parameter("redis_key", default: "redis-echo"))
        ) { [self] _, message, key in try push(message, to: key) }
        TaskHandler(
            TaskDefinition(
                Suite.name("redis_echo_group_id"), Parameter("_", as: JSONValue.self),
                Parameter("redis_key", default: "redis-group-ids"))
        ) { [self] context, _, key in try push(context.request.group.map(JSONValue.string) ?? .null, to: key) }
        let countKey = Parameter("redis_key", default: "redis-count")
        TaskHandler(TaskDefinition(Suite.name("redis_count"), countKey)) { [self] _, key in try count(key) }
        TaskHandler(
            TaskDefinition(
                Suite.name("sum_and_record"), Parameter("values", as: [JSONValue].self),
                Parameter("redis_key", as: String.self), returning: JSONValue.self)
        ) { [self] context, values, key in
            let sum = try PythonSum.of(values)
            try push(.string(context.id), to: key)
            return sum
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("errback_old_style"), Parameter("request_id", as: String.self), returning: String.self)
        ) { [self] _, id in
            try count(id)
            return id
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("errback_old_style_with_args"), Parameter("request_id", as: String.self),
                Parameter("label", as: JSONValue.self))
        ) { [self] _, id, label in try push(label, to: id) }
        ErrbackHandler(Suite.name("errback_new_style")) { [self] context, _ in try count(context.id) }
        ErrbackHandler(Suite.name("errback_new_style_with_args")) { [self] context, _, arguments, keywords in
            try push(arguments.first ?? keywords["label"] ?? .null, to: context.id)
        }
    }

    func push(_ value: JSONValue, to key: String) throws {
        try redis.run("RPUSH", Array(key.utf8), BlockingRedis.bytes(value))
    }

    func count(_ key: String) throws {
        try redis.run("INCR", Array(key.utf8))
    }
}
