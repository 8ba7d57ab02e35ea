/// Turns `Encodable` values into JSON values, as kombu's encoder turns Python values.
///
/// `Date`, `UUID`, `Decimal` and `Data` become kombu's tagged objects, so that a Python task receives `datetime` (in
/// UTC), `uuid.UUID`, `Decimal` and `bytes`. The keys of dictionaries are sorted, so that equal values give equal text.
public struct JSONValueEncoder: Sendable {
    /// An encoder; it has no settings.
    public init() {}

    /// The JSON value of `value`. Throws `EncodingError` for what JSON cannot hold.
    public func encode(_ value: some Encodable) throws -> JSONValue {
        try Self.encode(value, at: .root)
    }

    static func encode<Value: Encodable>(_ value: Value, at path: @autoclosure () -> CodingPath) throws -> JSONValue {
        if let value = value as? any DirectlyEncodable { return try value.jsonValue(at: path) }
        let node = JSONEncodingNode(path())
        try value.encode(to: node)
        guard let encoded = node.encoded else {
            throw EncodingError.invalidValue(
                value,
                .init(codingPath: node.codingPath, debugDescription: "\(Value.self) did not encode anything")
            )
        }
        return encoded
    }
}
