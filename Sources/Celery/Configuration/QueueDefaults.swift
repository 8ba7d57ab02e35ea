internal import CeleryTransport

/// What queues have that do not say it themselves: Celery's settings `task_default_…` of the default queue, and those of
/// queues that nobody has declared.
struct QueueDefaults {
    /// The exchange of queues that name none (`task_default_exchange`); `nil` for one of the default queue's name.
    private let exchange: String?
    private let exchangeType: Queue.ExchangeType
    private let routingKey: String?
    private let kind: Queue.Kind
    /// The kind of queues that are named somewhere and declared nowhere (`task_create_missing_queue_type`).
    let missingKind: Queue.Kind
    /// The priorities of all queues (`task_queue_max_priority`).
    let maxPriority: Int?

    init(_ settings: inout SettingsReader) throws {
        exchange = try settings.text("task_default_exchange")
        exchangeType = try Self.read("task_default_exchange_type", &settings) ?? .direct
        routingKey = try settings.text("task_default_routing_key")
        kind = try Self.read("task_default_queue_type", &settings) ?? .classic
        missingKind = try Self.read("task_create_missing_queue_type", &settings) ?? .classic
        maxPriority = try settings.integer("task_queue_max_priority", least: 0, most: 255)
    }

    private static func read<Value: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ settings: inout SettingsReader
    ) throws -> Value? {
        guard let text = try settings.text(name) else { return nil }
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingsReader.invalid(name, "must be one of \(known)")
        }
        return value
    }

    /// The queue that tasks go to for which there is no route.
    func defaultQueue(_ name: String) -> Queue {
        Queue(
            name, exchange: exchange ?? name, exchangeType: exchangeType, routingKey: routingKey ?? name, kind: kind,
            maxPriority: maxPriority)
    }

    /// A queue of `task_queues` with what it leaves open.
    ///
    /// - Parameter defaultName: the default queue's name.
    func completed(_ queue: Queue, defaultName: String) -> Queue {
        var queue = queue
        if queue.exchange.isEmpty { (queue.exchange, queue.exchangeType) = (exchange ?? defaultName, exchangeType) }
        if queue.routingKey.isEmpty { queue.routingKey = routingKey ?? defaultName }
        if queue.arguments["x-max-priority"] == nil { queue.maxPriority = maxPriority }
        return queue
    }
}
