internal import CeleryProtocol
internal import CeleryTransport

/// A path to values within a JSON value.
struct RedactionPath: Sendable {
    /// As the user wrote it.
    private let text: String
    private let parts: [String]

    init(_ parts: [String], _ text: String) {
        self.parts = parts
        self.text = text
    }

    /// The value with what the path leads to replaced.
    ///
    /// - Parameters:
    ///   - isTyped: whether the values in it are pairs with the letters of their types.
    ///   - tally: is told when the path leads to something.
    func redact(_ value: JSONValue, isTyped: Bool, _ tally: inout RedactionTally) -> JSONValue {
        var isFound = false
        let redacted = Self.redact(value, parts[...], isTyped, &isFound)
        if isFound { tally.note(text) }
        return redacted
    }

    private static func redact(
        _ value: JSONValue, _ parts: ArraySlice<String>, _ isTyped: Bool, _ isFound: inout Bool
    ) -> JSONValue {
        guard !parts.isEmpty else {
            isFound = true
            return isTyped ? AMQPField.redacted(value) : redacted(value)
        }
        guard isTyped else { return members(value, parts, isTyped, &isFound) }
        if case .object = value { return members(value, parts, isTyped, &isFound) }
        guard let field = AMQPField(value), let inner = field.inner else { return value }
        return AMQPField(field.type, members(inner, parts, isTyped, &isFound)).pair
    }

    private static func members(
        _ value: JSONValue, _ parts: ArraySlice<String>, _ isTyped: Bool, _ isFound: inout Bool
    ) -> JSONValue {
        let first = parts[parts.startIndex]
        switch value {
        case .array(let values):
            let index = Int(first)
            return .array(
                values.enumerated().map { position, value in
                    // A negative one counts from the end, as Python's.
                    first == "*" || index == position || index == position - values.count
                        ? redact(value, parts.dropFirst(), isTyped, &isFound) : value
                })
        case .object(let object):
            var redacted = object
            for (key, value) in object where first == "*" {
                redacted[key] = redact(value, parts.dropFirst(), isTyped, &isFound)
            }
            // A key may have dots in it.
            for count in 1...parts.count {
                let key = parts.prefix(count).joined(separator: ".")
                if let value = redacted[key] {
                    redacted[key] = redact(value, parts.dropFirst(count), isTyped, &isFound)
                }
            }
            return .object(redacted)
        default: return value
        }
    }

    /// A value of the same JSON type that says nothing. What kombu tags keeps its type.
    static func redacted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null: .null
        case .bool: false
        case .integer, .bigInteger: 0
        case .double: 0.0
        case .string, .surrogateString: .string(FixtureRedaction.text)
        case .array(let values): .array(values.map(redacted))
        case .object(let object): tagged(object) ?? .object(members(object))
        }
    }

    private static func members(_ object: JSONObject) -> JSONObject {
        var members = JSONObject()
        for (key, value) in object { members[key] = redacted(value) }
        return members
    }

    private static func tagged(_ object: JSONObject) -> JSONValue? {
        guard object.count == 2, let type = object["__type__"], object["__value__"] != nil else { return nil }
        let value: JSONValue
        switch type.stringValue {
        case "datetime": value = "1970-01-01T00:00:00"
        case "date": value = "1970-01-01"
        case "time": value = "00:00:00"
        case "decimal": value = "0"
        case "uuid": value = ["hex": "00000000000000000000000000000000"]
        case "bytes", "base64": value = ""
        default: return nil
        }
        return ["__type__": type, "__value__": value]
    }
}
