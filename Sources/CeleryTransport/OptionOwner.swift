/// Whose options an address has. Many options belong to one of them only, and are refused by the others with that reason.
package enum OptionOwner: Sendable {
    case redisBroker, redisBackend, rabbitMQ

    /// Why an option that this one does not have is none of its; `nil` if nobody knows it, or only this one.
    func refusal(of name: String) -> String? {
        switch self {
        case .rabbitMQ where Self.redisSettings.contains(name) || Self.redisBrokerSettings.contains(name):
            "is a setting of Redis and means nothing to RabbitMQ"
        case .redisBroker where Self.rabbitMQSettings.contains(name),
            .redisBackend where Self.rabbitMQSettings.contains(name):
            "is a setting of RabbitMQ and means nothing to Redis"
        case .redisBackend where Self.redisBrokerSettings.contains(name):
            "is a setting of the broker and means nothing to a result backend"
        default: nil
        }
    }

    /// What only kombu's transport for RabbitMQ knows.
    private static let rabbitMQSettings: Set = [
        "authentication", "channel_max", "client_properties", "confirm_publish", "frame_handler", "frame_max",
        "frame_writer", "heartbeat", "locale", "login_method", "login_response", "on_blocked", "on_open", "on_tune_ok",
        "on_unblocked", "read_timeout", "socket_settings", "write_timeout",
    ]

    /// What only kombu's transport for Redis knows.
    private static let redisBrokerSettings: Set = [
        "ack_emulation", "fanout_patterns", "fanout_prefix", "priority_steps", "queue_order_strategy", "sep",
        "unacked_index_key", "unacked_key", "unacked_mutex_expire", "unacked_mutex_key", "unacked_restore_interval",
        "unacked_restore_limit", "unacked_restore_throttle", "visibility_timeout",
    ]

    /// What kombu's transport for Redis and Celery's result backend know, or redis-py, and RabbitMQ's do not.
    private static let redisSettings: Set = [
        "client_name", "db", "global_keyprefix", "health_check_interval", "master_name", "max_connections",
        "min_other_sentinels", "protocol", "retry_on_error", "retry_on_timeout", "sentinel_kwargs",
        "socket_connect_timeout", "socket_keepalive", "socket_keepalive_options", "socket_timeout", "username",
    ]
}
