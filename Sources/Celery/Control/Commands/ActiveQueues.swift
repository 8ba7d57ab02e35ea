internal import CeleryProtocol
internal import CeleryTransport

extension ControlCommand {
    /// `active_queues`: the queues that the worker consumes.
    static let activeQueues = ControlCommand("active_queues") { state, arguments in
        try arguments.refuseAll()
        return .array(state.intake.queues.map(\.description))
    }
}

extension Queue {
    /// As kombu's `Queue.as_dict` shows it.
    fileprivate var description: JSONValue {
        [
            "name": .string(name),
            "exchange": [
                "name": .string(exchange), "type": .string(exchangeType.rawValue), "arguments": nil,
                "durable": .bool(isExchangeDurable), "passive": false, "auto_delete": false, "delivery_mode": nil,
                "no_declare": false,
            ],
            "routing_key": .string(routingKey),
            "queue_arguments": queueArguments.isEmpty ? .null : .object(queueArguments),
            "binding_arguments": nil, "consumer_arguments": nil, "durable": .bool(isDurable),
            "exclusive": .bool(isExclusive), "auto_delete": .bool(isAutoDelete), "no_ack": false,
            "alias": alias.map(JSONValue.string) ?? .null,
            "bindings": [], "no_declare": nil,
            "expires": expires.map { .double($0.inSeconds) } ?? .null, "message_ttl": nil, "max_length": nil,
            "max_length_bytes": nil, "max_priority": maxPriority.map(JSONValue.integer) ?? .null,
        ]
    }

    /// What kombu has no name of its own for.
    private var queueArguments: JSONObject {
        var all: JSONObject = [:]
        if kind == .quorum { all["x-queue-type"] = "quorum" }
        for (name, value) in arguments { all[name] = value }
        return all
    }
}
