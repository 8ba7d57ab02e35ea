internal import CeleryTransport

/// What kombu's Redis transport, Celery's Redis backend and redis-py know beside what is honoured.
extension RedisAddress {
    /// Options that ask for what is done here anyway; asking for something else is refused.
    static func takeWhatIsSo(_ options: inout AddressOptions) throws(TransportError) {
        for (name, value) in [
            ("ack_emulation", "true"), ("body_encoding", "base64"), ("fanout_patterns", "true"),
            ("fanout_prefix", "true"), ("insist", "false"), ("protocol", "2"), ("retry_on_timeout", "true"),
            ("socket_keepalive", "true"), ("unacked_index_key", "unacked_index"), ("unacked_key", "unacked"),
            ("unacked_mutex_key", "unacked_mutex"),
        ] {
            try options.expect(name, value)
        }
        if let connections = options.take("max_connections") {
            guard let number = Int(connections), number >= mostConnections else {
                throw options.refusal("max_connections", "must be \(mostConnections) or more: so many may be needed")
            }
        }
    }

    /// A worker's two for consuming and one for publishing; a backend has two.
    private static let mostConnections = 3

    /// Options that are refused because they are not supported, not because nobody knows them.
    static let known: Set<String> = [
        "additional_connection_errors", "alternates", "client_name", "connect_retries_timeout", "credential_provider",
        "deadletter_queue", "decode_responses", "driver_info", "encoder_class", "encoding", "encoding_errors",
        "errback", "failover_strategy", "global_keyprefix", "heartbeat", "host", "hostname", "interval_max",
        "interval_start", "interval_step", "legacy_responses", "lib_name", "lib_version", "login_method",
        "maint_notifications_config", "master_name", "max_retries", "min_other_sentinels", "parser_class", "path",
        "polling_interval", "port", "reauth_check_interval", "redis_connect_func", "retry", "retry_on_error",
        "sentinel_fanout_compat", "sentinel_kwargs", "sep", "priority_steps", "visibility_timeout",
        "socket_keepalive_options", "socket_read_size", "socket_type", "timeout", "transport", "transport_options",
        "unacked_mutex_expire", "unacked_restore_interval", "unacked_restore_limit", "unacked_restore_throttle",
        "uri_prefix", "userid", "virtual_host",
    ]
}
