internal import ArgumentParser
internal import Celery

/// A queue on a command line: a name, or a name and what it is declared with, `name?type=quorum&max-priority=10`.
struct QueueArgument {
    private static let options =
        "broadcast, type, exchange, exchange-type, routing-key, max-priority, or an argument of RabbitMQ such as x-message-ttl"

    let name: String
    private let options: [(name: String, value: String)]

    init(_ text: String) throws {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty else { throw ValidationError("-Q names no queue") }
        self.name = String(name)
        options = try (parts.count == 2 ? parts[1].split(separator: "&") : []).map { option in
            guard let mark = option.firstIndex(of: "="), mark > option.startIndex else {
                throw ValidationError("-Q \(name): \(option) is no option with a value: \(Self.options)")
            }
            return (String(option[..<mark]), String(option[mark...].dropFirst()))
        }
        for (index, option) in options.enumerated() where options[..<index].contains(where: { $0.name == option.name })
        {
            throw ValidationError("-Q \(name): \(option.name) is given twice")
        }
    }

    /// The queues of `-Q a,b`.
    static func list(_ text: String) throws -> [QueueArgument] {
        var texts: [String] = []
        for part in text.split(separator: ",") {
            let part = part.trimmingSpace()
            if !texts.contains(part) { texts.append(part) }
        }
        let queues = try texts.map(QueueArgument.init)
        guard !queues.isEmpty else { throw ValidationError("-Q names no queue") }
        for (index, queue) in queues.enumerated() where queues[..<index].contains(where: { $0.name == queue.name }) {
            throw ValidationError("-Q \(queue.name): it is named twice, with different options")
        }
        return queues
    }

    /// The queue that `known` is, with what the command line says of it.
    ///
    /// - Parameter kind: its kind, unless the command line says another one for this queue; `nil` for what it is.
    func applied(to known: Queue, kind: Queue.Kind? = nil) throws -> Queue {
        var queue = known
        if let (_, value) = options.first(where: { $0.name == "broadcast" }) {
            guard value == "true" else { throw ValidationError("-Q \(name): broadcast is true, or is not given") }
            if !queue.isBroadcast { queue = .broadcast(name) }
        }
        if let kind { queue.kind = kind }
        for (name, value) in options {
            func invalid(_ wanted: String) -> ValidationError {
                ValidationError("-Q \(self.name): \(name) is \(wanted)")
            }
            switch name {
            case "type":
                guard let kind = Queue.Kind(rawValue: value) else { throw invalid("classic or quorum") }
                queue.kind = kind
            case "broadcast": break
            case "exchange": queue.exchange = value
            case "exchange-type":
                guard let type = Queue.ExchangeType(rawValue: value) else { throw invalid("direct, topic or fanout") }
                queue.exchangeType = type
            case "routing-key": queue.routingKey = value
            case "max-priority":
                guard let priority = Int(value), (1...255).contains(priority) else {
                    throw invalid("a number from 1 to 255")
                }
                queue.maxPriority = priority
            case let name where name.hasPrefix("x-"):
                queue.arguments[name] =
                    Int(value).map { .integer($0) }
                    ?? (value == "true" ? true : value == "false" ? false : .string(value))
            default: throw ValidationError("-Q \(self.name): \(name) is not known: \(Self.options)")
            }
        }
        return queue
    }
}
