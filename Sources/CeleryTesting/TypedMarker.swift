internal import CeleryProtocol

/// Headers of RabbitMQ with the letters of their types, `[letter, value]`.
enum TypedMarker {
    /// The table or the array in such a pair.
    static func inner(_ value: JSONValue) -> JSONValue? {
        guard let parts = value.arrayValue, parts.count == 2, let letter = parts[0].stringValue else { return nil }
        switch letter {
        case "F" where parts[1].objectValue != nil: return parts[1]
        case "A" where parts[1].arrayValue != nil: return parts[1]
        default: return nil
        }
    }

    /// A pair of the same type that says nothing.
    static func marker(_ value: JSONValue) -> JSONValue {
        guard let parts = value.arrayValue, parts.count == 2, let letter = parts[0].stringValue else {
            return RedactionPath.marker(value)
        }
        switch letter {
        case "S": return [parts[0], .string(FixtureRedaction.text)]
        case "x": return [parts[0], ""]
        case "D": return [parts[0], [0, 0]]
        case "d", "f": return [parts[0], 0.0]
        case "t": return [parts[0], false]
        case "V": return [parts[0], .null]
        case "A": return [parts[0], .array((parts[1].arrayValue ?? []).map(marker))]
        case "F":
            var members = JSONObject()
            for (key, member) in parts[1].objectValue ?? [:] { members[key] = marker(member) }
            return [parts[0], .object(members)]
        default: return [parts[0], 0]
        }
    }
}
