internal import CeleryProtocol

/// A path to values within a JSON value.
struct RedactionPath: Sendable {
    private let parts: [String]

    init(_ parts: [String]) { self.parts = parts }

    /// The value with what the path leads to replaced.
    ///
    /// - Parameter isTyped: whether the values in it are pairs with the letters of their types.
    func redact(_ value: JSONValue, isTyped: Bool) -> JSONValue {
        Self.redact(value, parts[...], isTyped)
    }

    private static func redact(_ value: JSONValue, _ parts: ArraySlice<String>, _ isTyped: Bool) -> JSONValue {
        guard !parts.isEmpty else { return isTyped ? TypedMarker.marker(value) : marker(value) }
        switch value {
        case .array(let values):
            if isTyped, let inner = TypedMarker.inner(value) { return [values[0], members(inner, parts, isTyped)] }
            return isTyped ? value : members(value, parts, isTyped)
        case .object: return members(value, parts, isTyped)
        default: return value
        }
    }

    private static func members(_ value: JSONValue, _ parts: ArraySlice<String>, _ isTyped: Bool) -> JSONValue {
        let first = parts[parts.startIndex]
        switch value {
        case .array(let values):
            return .array(
                values.enumerated().map { position, value in
                    first == "*" || Int(first) == position ? redact(value, parts.dropFirst(), isTyped) : value
                })
        case .object(let object):
            var redacted = object
            for (key, value) in object where first == "*" {
                redacted[key] = redact(value, parts.dropFirst(), isTyped)
            }
            // A key may have dots in it.
            for count in 1...parts.count {
                let key = parts.prefix(count).joined(separator: ".")
                if let value = redacted[key] { redacted[key] = redact(value, parts.dropFirst(count), isTyped) }
            }
            return .object(redacted)
        default: return value
        }
    }

    /// A value of the same JSON type that says nothing. What kombu tags keeps its type.
    static func marker(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null: .null
        case .bool: false
        case .integer, .bigInteger: 0
        case .double: 0.0
        case .string, .surrogateString: .string(FixtureRedaction.text)
        case .array(let values): .array(values.map(marker))
        case .object(let object): tagged(object) ?? .object(members(object))
        }
    }

    private static func members(_ object: JSONObject) -> JSONObject {
        var members = JSONObject()
        for (key, value) in object { members[key] = marker(value) }
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
