internal import CeleryProtocol
internal import CeleryTransport

extension ControlCommand {
    /// `add_consumer`: the worker consumes a further queue. The reply comes when it does.
    static let addConsumer = ControlCommand("add_consumer") { state, arguments in
        try arguments.refuseAll(but: ["queue", "exchange", "exchange_type", "routing_key", "queue_arguments"])
        let name = try arguments.required("queue")
        guard !name.isEmpty else { throw ControlError("ValueError", "a queue needs a name") }
        var queue = state.routing.queue(named: name)
        // As with Celery, what is known of a queue counts more.
        if !state.routing.knows(name) {
            if let exchange = try arguments.string("exchange") { queue.exchange = exchange }
            if let type = try arguments.string("exchange_type") {
                guard let type = Queue.ExchangeType(rawValue: type) else {
                    throw ControlError("ValueError", "exchange_type must be direct, topic or fanout")
                }
                queue.exchangeType = type
            }
            if let key = try arguments.string("routing_key") { queue.routingKey = key }
            for (name, value) in arguments["queue_arguments"]?.objectValue ?? [:] { queue.arguments[name] = value }
        }
        try await state.intake.add(queue)
        return .ok(.string("add consumer \(name)"))
    }
}
