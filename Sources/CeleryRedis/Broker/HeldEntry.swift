internal import CeleryProtocol

/// What an entry of `unacked` holds, `[envelope, exchange, routing key]`, with the envelope marked as delivered before.
struct HeldEntry {
    let message: JSONObject
    let exchange: String
    let routingKey: String

    /// Takes an entry apart; `nil` when it has another form.
    init?(_ entry: [UInt8]) {
        guard case .array(let parts)? = Self.parse(entry), parts.count == 3, case .object(var message) = parts[0] else {
            return nil
        }
        var headers = message["headers"]?.objectValue ?? [:]
        headers["redelivered"] = true
        message["headers"] = .object(headers)
        var properties = message["properties"]?.objectValue ?? [:]
        var info = properties["delivery_info"]?.objectValue ?? [:]
        info["redelivered"] = true
        properties["delivery_info"] = .object(info)
        message["properties"] = .object(properties)
        self.message = message
        exchange = parts[1].stringValue ?? ""
        routingKey = parts[2].stringValue ?? ""
    }

    var envelope: [UInt8] { JSONValue.object(message).serialized() }

    /// As kombu reads it: a number, or text that is one.
    var priority: Int? {
        let priority = message["properties"]?.objectValue?["priority"]
        return priority?.integerValue ?? priority?.stringValue.flatMap { Int($0) }
    }

    private static func parse(_ bytes: [UInt8]) -> JSONValue? {
        do {
            return try JSONValue(json: bytes)
        } catch {
            return nil
        }
    }
}
