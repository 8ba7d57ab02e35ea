internal import CeleryProtocol

extension WireReader {
    /// How deep tables and arrays may be nested. A frame has room for a depth that would exhaust a thread's stack.
    static let maximumDepth = 100

    /// Reads a field table as the JSON that stands for it: types that JSON does not know become kombu's tagged values.
    mutating func table(depth: Int = 0) throws(WireError) -> JSONObject {
        guard depth < Self.maximumDepth else { throw WireError(reason: "a table is nested too deeply") }
        var content = try part(Int(try integer(UInt32.self)))
        var table = JSONObject()
        while !content.isAtEnd {
            let key = try content.shortString()
            table[key] = try content.field(depth: depth)
        }
        return table
    }

    private mutating func array(depth: Int) throws(WireError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw WireError(reason: "an array is nested too deeply") }
        var content = try part(Int(try integer(UInt32.self)))
        var array: [JSONValue] = []
        while !content.isAtEnd { array.append(try content.field(depth: depth)) }
        return .array(array)
    }

    /// One value with its type's letter, as RabbitMQ uses them: `s` is an integer, `l` and `L` are both signed.
    private mutating func field(depth: Int) throws(WireError) -> JSONValue {
        let letter = try octet()
        switch letter {
        case UInt8(ascii: "S"): return Self.text(try longBytes())
        case UInt8(ascii: "V"): return .null
        case UInt8(ascii: "I"): return .integer(Int(try integer(Int32.self)))
        case UInt8(ascii: "t"): return .bool(try octet() != 0)
        case UInt8(ascii: "A"): return try array(depth: depth + 1)
        case UInt8(ascii: "F"): return .object(try table(depth: depth + 1))
        case UInt8(ascii: "l"), UInt8(ascii: "L"): return .integer(Int(try integer(Int64.self)))
        case UInt8(ascii: "d"): return .double(Double(bitPattern: try integer(UInt64.self)))
        case UInt8(ascii: "T"): return Self.timestamp(try integer(UInt64.self))
        case UInt8(ascii: "x"): return Self.bytes(try longBytes())
        case UInt8(ascii: "b"): return .integer(Int(try integer(Int8.self)))
        case UInt8(ascii: "B"): return .integer(Int(try octet()))
        case UInt8(ascii: "s"), UInt8(ascii: "U"): return .integer(Int(try integer(Int16.self)))
        case UInt8(ascii: "u"): return .integer(Int(try integer(UInt16.self)))
        case UInt8(ascii: "i"): return .integer(Int(try integer(UInt32.self)))
        case UInt8(ascii: "f"): return .double(Double(Float(bitPattern: try integer(UInt32.self))))
        case UInt8(ascii: "D"): return Self.decimal(places: try octet(), digits: try integer(Int32.self))
        default: throw WireError(reason: "a table holds a value of the unknown type \(letter)")
        }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> JSONValue {
        if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
        return tagged("base64", .string(String(decoding: Base64.encode(bytes), as: UTF8.self)))
    }

    private static func bytes(_ bytes: ArraySlice<UInt8>) -> JSONValue {
        if let text = String(validating: bytes, as: UTF8.self) { return tagged("bytes", .string(text)) }
        return tagged("base64", .string(String(decoding: Base64.encode(bytes), as: UTF8.self)))
    }

    /// Seconds since 1970 as Python prints a datetime without a zone; a number where Python's calendar ends.
    private static func timestamp(_ seconds: UInt64) -> JSONValue {
        do {
            return tagged("datetime", .string(try PythonDateTime(naiveSecondsSince1970: seconds).isoFormat))
        } catch {
            return Int(exactly: seconds).map { .integer($0) } ?? .bigInteger(String(seconds))
        }
    }

    private static func decimal(places: UInt8, digits: Int32) -> JSONValue {
        var text = String(digits.magnitude)
        if places > 0 {
            text = String(repeating: "0", count: max(0, Int(places) + 1 - text.utf8.count)) + text
            text.insert(".", at: text.index(text.endIndex, offsetBy: -Int(places)))
        }
        return tagged("decimal", .string(digits < 0 ? "-\(text)" : text))
    }

    private static func tagged(_ type: String, _ value: JSONValue) -> JSONValue {
        ["__type__": .string(type), "__value__": value]
    }
}
