internal import CeleryProtocol
internal import CeleryTransport

extension Message {
    /// A message of RabbitMQ as a file of fixtures holds it, read as a consumer reads it.
    init(fixture details: JSONObject, body: [UInt8]) {
        let properties = details["properties"]?.objectValue ?? [:]
        let headers = Self.untyped(AMQPField(.table, details["headers"] ?? [:]).pair).objectValue ?? [:]
        self.init(
            contentType: properties["content_type"]?.stringValue,
            contentEncoding: properties["content_encoding"]?.stringValue,
            headers: headers,
            properties: MessageProperties(
                correlationID: properties["correlation_id"]?.stringValue,
                replyTo: properties["reply_to"]?.stringValue,
                deliveryMode: properties["delivery_mode"]?.integerValue,
                priority: properties["priority"]?.integerValue,
                expiration: properties["expiration"]?.stringValue.flatMap(Duration.init(expiration:)),
                exchange: details["exchange"]?.stringValue,
                routingKey: details["routing_key"]?.stringValue,
                isRedelivered: details["redelivered"]?.boolValue ?? false
            ),
            body: body
        )
        for name in ["message_id", "timestamp", "type", "user_id", "app_id", "cluster_id"] {
            if let value = properties[name] { self.properties.other[name] = value }
        }
    }

    /// The value of a header without its type. Types that JSON does not know become kombu's tagged values.
    private static func untyped(_ pair: JSONValue) -> JSONValue {
        guard let field = AMQPField(pair) else { return pair }
        let value = field.value
        switch field.type {
        case .table:
            var object = JSONObject()
            for (key, value) in value.objectValue ?? [:] { object[key] = untyped(value) }
            return .object(object)
        case .array: return .array((value.arrayValue ?? []).map(untyped))
        case .text: return value.objectValue?["base64"].map { tagged("base64", $0) } ?? value
        case .bytes: return tagged("base64", value)
        case .timestamp: return timestamp(value)
        case .decimal: return decimal(value)
        case .null, .boolean, .int8, .uint8, .int16, .standardInt16, .uint16, .int32, .uint32, .int64, .standardInt64,
            .double, .float:
            return value
        }
    }

    private static func timestamp(_ value: JSONValue) -> JSONValue {
        guard let seconds = UInt64(value.description) else { return value }
        do {
            return tagged("datetime", .string(try PythonDateTime(naiveSecondsSince1970: seconds).isoFormat))
        } catch {
            return value
        }
    }

    private static func decimal(_ value: JSONValue) -> JSONValue {
        guard let parts = value.arrayValue, parts.count == 2, let places = parts[0].integerValue, places >= 0,
            places < 256, let digits = parts[1].integerValue
        else { return value }
        var text = String(digits.magnitude)
        if places > 0 {
            text = String(repeating: "0", count: max(0, places + 1 - text.utf8.count)) + text
            text.insert(".", at: text.index(text.endIndex, offsetBy: -places))
        }
        return tagged("decimal", .string(digits < 0 ? "-\(text)" : text))
    }

    private static func tagged(_ type: String, _ value: JSONValue) -> JSONValue {
        ["__type__": .string(type), "__value__": value]
    }
}
