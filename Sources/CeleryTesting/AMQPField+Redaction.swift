internal import CeleryProtocol
internal import CeleryTransport

extension AMQPField {
    /// The table or the array that it is.
    var inner: JSONValue? {
        switch type {
        case .table where value.objectValue != nil, .array where value.arrayValue != nil: value
        default: nil
        }
    }

    /// A value of the same type that says nothing.
    var redacted: AMQPField {
        let marker: JSONValue =
            switch type {
            case .text: .string(FixtureRedaction.text)
            case .bytes: ""
            case .decimal: [0, 0]
            case .double, .float: 0.0
            case .boolean: false
            case .null: .null
            case .array: .array((value.arrayValue ?? []).map(Self.redacted))
            case .table: .object(Self.redacted(value.objectValue ?? [:]))
            case .int8, .uint8, .int16, .standardInt16, .uint16, .int32, .uint32, .int64, .standardInt64, .timestamp: 0
            }
        return AMQPField(type, marker)
    }

    /// The same of a value that may be no pair.
    static func redacted(_ value: JSONValue) -> JSONValue {
        AMQPField(value)?.redacted.pair ?? RedactionPath.redacted(value)
    }

    private static func redacted(_ table: JSONObject) -> JSONObject {
        var members = JSONObject()
        for (key, member) in table { members[key] = redacted(member) }
        return members
    }
}
