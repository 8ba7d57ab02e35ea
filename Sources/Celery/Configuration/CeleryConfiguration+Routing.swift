internal import CeleryProtocol
internal import CeleryTransport

extension CeleryConfiguration {
    /// Takes over the settings of queues and routes, and finds the queues that routes name.
    mutating func applyRouting(_ settings: inout SettingsReader) throws {
        let given = settings.rest.count
        let defaults = try QueueDefaults(&settings)
        let name = try settings.text("task_default_queue") ?? routing.defaultQueue.name
        let queues = settings.take("task_queues")
        if let queues {
            routing.queues = try Self.queues(SettingsReader.parsed(queues)).map {
                defaults.completed($0, defaultName: name)
            }
        }
        if settings.rest.count < given {
            routing.defaultQueue = routing.queues.first { $0.name == name } ?? defaults.defaultQueue(name)
            (routing.missingQueueKind, routing.missingQueueMaxPriority) = (defaults.missingKind, defaults.maxPriority)
        }
        if let creates = try settings.bool("task_create_missing_queues") { routing.createsMissingQueues = creates }
        if let routes = settings.take("task_routes") {
            routing.routes = try Self.routes(SettingsReader.parsed(routes)) { name in
                guard routing.createsMissingQueues || routing.knows(name) else {
                    throw SettingsReader.invalid(
                        "task_routes", "names the queue \(LogText(name)), which task_queues lacks")
                }
                return routing.queue(named: name)
            }
        }
    }

    // MARK: Queues

    /// A list of names and tables, or a table of tables by name.
    private static func queues(_ value: JSONValue) throws -> [Queue] {
        switch value {
        case .null: return []
        case .array(let values): return try values.map { try queue($0, name: nil) }
        // Here the routing key is the queue's name, unless something else is said.
        case .object(let byName):
            return try byName.map { name, value in
                var queue = try queue(value, name: name)
                if queue.routingKey.isEmpty { queue.routingKey = name }
                return queue
            }
        default: throw SettingsReader.invalid("task_queues", "must be a list of queues")
        }
    }

    /// A name, or the parts of kombu's `Queue`.
    private static func queue(_ value: JSONValue, name: String?) throws -> Queue {
        if let name = value.stringValue { return Queue(name) }
        guard let fields = value.objectValue, let name = name ?? fields["name"]?.stringValue, !name.isEmpty else {
            throw SettingsReader.invalid("task_queues", "has an entry that names no queue")
        }
        func invalid(_ key: String, _ reason: String) -> CeleryError {
            SettingsReader.invalid("task_queues", "\(reason) for \(LogText(key)) of the queue \(LogText(name))")
        }
        var queue = Queue(name)
        // Empty until the defaults are filled in.
        (queue.exchange, queue.routingKey) = ("", "")
        for (key, value) in fields where !value.isNull {
            switch key {
            case "name", "queue": break
            case "alias":
                guard let text = value.stringValue else { throw invalid(key, "has no text") }
                queue.alias = text
            case "exchange":
                let exchange = value.objectValue
                guard let text = exchange == nil ? value.stringValue : exchange?["name"]?.stringValue ?? "" else {
                    throw invalid(key, "has no name")
                }
                queue.exchange = text
                guard let type = exchange?["type"], !type.isNull else { break }
                queue.exchangeType = try exchangeType(type, else: invalid("the exchange", "has an unknown type"))
            case "exchange_type":
                queue.exchangeType = try exchangeType(value, else: invalid(key, "has an unknown type"))
            case "routing_key", "binding_key":
                guard let text = value.stringValue else { throw invalid(key, "has no text") }
                queue.routingKey = text
            case "durable", "auto_delete":
                guard let flag = SettingsReader.bool(value) else { throw invalid(key, "has neither true nor false") }
                if key == "durable" { queue.isDurable = flag } else { queue.isAutoDelete = flag }
            case "queue_arguments":
                guard let arguments = value.objectValue else { throw invalid(key, "has no table") }
                for (name, value) in arguments { queue.arguments[name] = value }
            case "expires", "message_ttl":
                guard let seconds = value.doubleValue, seconds >= 0, seconds < 4_294_967 else {
                    throw invalid(key, "has no number of seconds")
                }
                queue.arguments[key == "expires" ? "x-expires" : "x-message-ttl"] = .integer(Int(seconds * 1000))
            case "max_length", "max_length_bytes", "max_priority":
                guard let number = value.integerValue, number >= 0 else { throw invalid(key, "has no number") }
                queue.arguments["x-" + key.replacing("_", with: "-")] = .integer(number)
            default:
                // What kombu's `as_dict` writes of a queue that does not use it.
                guard !value.isTruthy else { throw invalid(key, "has what is not supported") }
            }
        }
        // Each process makes a name of its own: a file of settings is read by many.
        if queue.isBroadcast, name.hasPrefix(Queue.broadcastPrefix) {
            queue.name = Queue.broadcastPrefix + RandomID.make()
        }
        return queue
    }

    private static func exchangeType(
        _ value: JSONValue, else error: @autoclosure () -> CeleryError
    ) throws -> Queue.ExchangeType {
        guard let type = value.stringValue.flatMap(Queue.ExchangeType.init(rawValue:)) else { throw error() }
        return type
    }

    // MARK: Routes

    /// A table by task name or pattern, a list of such pairs, or a list of both kinds. Names count before patterns, as
    /// Celery looks them up.
    private static func routes(_ value: JSONValue, queue: (String) throws -> Queue) throws -> [Routing.Route] {
        let routers: [JSONValue]
        switch value {
        case .null: return []
        // A list of pairs is one table.
        case .array(let values)
        where values.allSatisfy({ $0.arrayValue?.count == 2 && $0.arrayValue?[0].stringValue != nil }):
            routers = [value]
        case .array(let values): routers = values
        default: routers = [value]
        }
        return try routers.flatMap { router in
            let pairs: [(String, JSONValue)]
            switch router {
            case .object(let table): pairs = table.map { ($0.key, $0.value) }
            case .array(let list):
                pairs = try list.map { pair in
                    guard let pair = pair.arrayValue, pair.count == 2, let name = pair[0].stringValue else {
                        throw SettingsReader.invalid(
                            "task_routes", "has an entry that is no pair of a name and a route")
                    }
                    return (name, pair[1])
                }
            default:
                throw SettingsReader.invalid(
                    "task_routes", "has an entry that is no table: routers written in Python are not run")
            }
            let routes = try pairs.map { try route($0, $1, queue: queue) }
            return routes.filter { !$0.pattern.contains("*") } + routes.filter { $0.pattern.contains("*") }
        }
    }

    private static func route(
        _ pattern: String, _ value: JSONValue, queue: (String) throws -> Queue
    ) throws -> Routing.Route {
        func invalid(_ reason: String) -> CeleryError {
            SettingsReader.invalid("task_routes", "\(reason) for \(LogText(pattern))")
        }
        if pattern.contains("*"), pattern.contains("[") {
            throw invalid("has a pattern with a range of characters, which is not supported,")
        }
        if let name = value.stringValue { return Routing.Route(pattern, to: try queue(name)) }
        guard let fields = value.objectValue else { throw invalid("has neither a queue nor a table") }
        var route = Routing.Route(pattern)
        var exchangeType: Queue.ExchangeType?
        for (key, value) in fields where !value.isNull {
            switch key {
            case "queue":
                guard let name = value.stringValue ?? value.objectValue?["name"]?.stringValue else {
                    throw invalid("has no name as the queue")
                }
                route.queue = try queue(name)
            case "exchange":
                guard let name = value.stringValue ?? value.objectValue?["name"]?.stringValue else {
                    throw invalid("has no name as the exchange")
                }
                route.exchange = name
            case "routing_key":
                guard let key = value.stringValue else { throw invalid("has no text as the routing key") }
                route.routingKey = key
            case "exchange_type":
                exchangeType = try Self.exchangeType(value, else: invalid("has an unknown exchange_type"))
            case "priority":
                guard let number = value.integerValue, (0...255).contains(number) else {
                    throw invalid("has no number from 0 to 255 as the priority")
                }
                route.priority = number
            default: throw invalid("has the option \(LogText(key)), which is not supported,")
            }
        }
        // It says which way is taken, unless that is said anyway.
        let isSaidAnyway = route.exchange != nil && route.routingKey != nil
        guard isSaidAnyway || exchangeType == nil || exchangeType == (route.queue?.exchangeType ?? .direct) else {
            throw invalid("has another exchange_type than the queue's")
        }
        return route
    }
}
