/// The Python values that kombu writes as `{"__type__": …, "__value__": …}`.
enum TaggedValue {
    case dateTime(PythonDateTime)
    case date(PythonDateTime)
    case time(PythonTime)
    case decimal(PythonDecimal)
    /// The sixteen bytes of the UUID.
    case uuid([UInt8])
    case bytes([UInt8])

    static let typeKey = "__type__"
    static let valueKey = "__value__"

    /// The value of an object that has exactly the two keys; `nil` for any other object. A type that kombu does not
    /// know and a value that does not fit its type are errors, as in kombu.
    init?(_ object: JSONObject) throws(PythonValueError) {
        guard object.count == 2, let type = object[Self.typeKey], let value = object[Self.valueKey] else { return nil }
        guard case .string(let type) = type else { throw PythonValueError("unsupported type: __type__ is no string") }
        switch type {
        case "datetime": self = .dateTime(try PythonDateTime(fromISOFormat: Self.string(value, type)))
        case "date": self = .date(try PythonDateTime(fromISOFormat: Self.string(value, type)))
        case "time": self = .time(try PythonTime(fromISOFormat: Self.string(value, type)))
        case "decimal": self = .decimal(try Self.decimal(value))
        case "uuid": self = .uuid(try Self.uuid(value))
        case "bytes": self = .bytes(Array(try Self.string(value, type).utf8))
        case "base64": self = .bytes(try Self.base64(try Self.string(value, type)))
        default: throw PythonValueError("unsupported type \(PythonRepr.quoted(type))")
        }
    }

    /// The tagged form of a value.
    static func object(_ type: String, _ value: JSONValue) -> JSONValue {
        .object(JSONObject(distinct: [(typeKey, .string(type)), (valueKey, value)]))
    }

    /// Bytes as kombu writes them: as text when they are UTF-8, else as base64.
    static func object(bytes: [UInt8]) -> JSONValue {
        if let text = String(validating: bytes, as: UTF8.self) { return object("bytes", .string(text)) }
        return object("base64", .string(String(decoding: Base64.encode(bytes), as: UTF8.self)))
    }

    /// The bytes of the hexadecimal digits of a UUID; hyphens, braces and the URN prefix are allowed, as in Python.
    static func uuidBytes(_ text: String) throws(PythonValueError) -> [UInt8] {
        var digits = Substring(text)
        if digits.hasPrefix("urn:") { digits = digits.dropFirst(4) }
        if digits.hasPrefix("uuid:") { digits = digits.dropFirst(5) }
        while let first = digits.first, first == "{" || first == "}" { digits.removeFirst() }
        while let last = digits.last, last == "{" || last == "}" { digits.removeLast() }
        var values: [UInt8] = []
        for byte in digits.utf8 where byte != UInt8(ascii: "-") {
            guard let value = JSONBytes.hexValue(byte), values.count < 32 else {
                throw PythonValueError("invalid UUID \(PythonRepr.quoted(text))")
            }
            values.append(value)
        }
        guard values.count == 32 else { throw PythonValueError("invalid UUID \(PythonRepr.quoted(text))") }
        return (0..<16).map { values[2 * $0] << 4 | values[2 * $0 + 1] }
    }

    private static func string(_ value: JSONValue, _ type: String) throws(PythonValueError) -> String {
        guard case .string(let string) = value else { throw PythonValueError("the value of a \(type) is no string") }
        return string
    }

    private static func decimal(_ value: JSONValue) throws(PythonValueError) -> PythonDecimal {
        switch value {
        case .string(let text): try PythonDecimal(text)
        case .integer(let value): try PythonDecimal(String(value))
        case .bigInteger(let digits): try PythonDecimal(digits)
        // Python would take all the digits of the binary fraction; the shortest ones say what the sender meant.
        case .double(let value): try PythonDecimal(PythonFloat.text(value))
        case .bool(let value): try PythonDecimal(value ? "1" : "0")
        default: throw PythonValueError("the value of a decimal is neither a string nor a number")
        }
    }

    private static func uuid(_ value: JSONValue) throws(PythonValueError) -> [UInt8] {
        guard case .object(let object) = value, object.count == 1, case .string(let hex)? = object["hex"] else {
            throw PythonValueError("the value of a uuid is no object with a string 'hex'")
        }
        return try uuidBytes(hex)
    }

    private static func base64(_ text: String) throws(PythonValueError) -> [UInt8] {
        do {
            return try Base64.decode(text.utf8)
        } catch {
            throw PythonValueError("\(error)")
        }
    }
}

extension JSONValue {
    /// Checks every tagged value inside, as kombu does when it decodes a message. One bad value makes the whole message
    /// undecodable for Python.
    package func validateTaggedTypes() throws(PythonValueError) {
        switch self {
        case .array(let elements):
            for element in elements { try element.validateTaggedTypes() }
        case .object(let object):
            for entry in object.entries { try entry.value.validateTaggedTypes() }
            _ = try TaggedValue(object)
        default:
            break
        }
    }

    /// The value of a JSON document as `kombu.utils.json.loads` reads it: tagged values must be valid.
    ///
    /// - Parameter memoryLimit: how many bytes of memory the values may take, besides the texts of strings and keys.
    package init(kombuJSON bytes: some Collection<UInt8>, memoryLimit: Int = .max) throws {
        let (value, hasTypeKey) = try Self.reading(bytes, memoryLimit: memoryLimit)
        if hasTypeKey { try value.validateTaggedTypes() }
        self = value
    }
}
