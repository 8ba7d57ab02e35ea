/// Turns JSON values into `Decodable` ones, as kombu's decoder turns them into Python values.
///
/// `Date`, `UUID`, `Decimal` and `Data` are read from kombu's tagged objects and from the plain strings of kombu before
/// 5.3. Integers are not read from floats, not even from `1.0`; floats are read from integers. Errors are
/// `DecodingError`s that name the types as Python does.
public struct JSONValueDecoder: Sendable {
    /// A decoder; it has no settings.
    public init() {}

    /// The `Value` that `value` holds.
    public func decode<Value: Decodable>(_ type: Value.Type, from value: JSONValue) throws -> Value {
        try Self.decode(type, from: value, at: .root)
    }

    static func decode<Value: Decodable>(
        _ type: Value.Type,
        from value: JSONValue,
        at path: @autoclosure () -> CodingPath
    ) throws -> Value {
        if let direct = type as? any DirectlyDecodable.Type {
            if let decoded = try direct.init(json: value, at: path) as? Value { return decoded }
        }
        return try type.init(from: JSONDecodingNode(value, path()))
    }
}

extension DecodingError {
    /// A value of another type than the one asked for.
    static func mismatch(_ type: Any.Type, expected: String, _ value: JSONValue, at path: () -> CodingPath) -> Self {
        let got = value.isNull ? "None" : "\(value.pythonTypeName) \(value.shortText)"
        let message = "expected \(expected), got \(got)"
        return .typeMismatch(type, Context(codingPath: path().keys, debugDescription: message))
    }

    /// A value of the right type that does not fit.
    static func unfit(_ message: String, at path: () -> CodingPath) -> Self {
        .dataCorrupted(Context(codingPath: path().keys, debugDescription: message))
    }
}

extension JSONValue {
    /// The name of the Python type.
    var pythonTypeName: String {
        switch self {
        case .null: "NoneType"
        case .bool: "bool"
        case .integer, .bigInteger: "int"
        case .double: "float"
        case .string, .surrogateString: "str"
        case .array: "list"
        case .object: "dict"
        }
    }

    /// A glance at the value for error messages.
    var shortText: String { PythonRepr.saferepr(self, maximumLength: 60) }
}
