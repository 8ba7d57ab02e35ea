internal import CeleryProtocol
internal import CeleryTransport

/// A header's value with the letter of its type, as files of fixtures hold it. `A` has a list of such pairs, `F` an object
/// of them. A text that is not UTF-8 is `{"base64": ...}`, and so are the bits of a float that is no number; the bytes of
/// an `x` are always base64.
enum TypedField {
    static func unfit(_ name: String) -> TransportError {
        TransportError(.rejected, "\(LogText.name(name)) has a value that does not fit its type")
    }

    static func bytes(_ bytes: some Collection<UInt8>) -> JSONValue {
        ["base64": .string(String(decoding: Base64.encode(bytes), as: UTF8.self))]
    }

    static func bytes(_ value: JSONValue) -> [UInt8]? {
        if let text = value.stringValue { return Array(text.utf8) }
        guard let text = value.objectValue?["base64"]?.stringValue else { return nil }
        do {
            return try Base64.decode(text.utf8)
        } catch {
            return nil
        }
    }
}

extension WireReader {
    /// Reads a field table with its types. Of a name that stands twice the last value is kept.
    mutating func typedTable(depth: Int = 0) throws(WireError) -> JSONObject {
        guard depth < Self.maximumDepth else { throw WireError(reason: "a table is nested too deeply") }
        var content = try part(Int(try integer(UInt32.self)))
        var table = JSONObject()
        while !content.isAtEnd {
            let name = try content.shortString()
            table[name] = try content.typedField(depth: depth)
        }
        return table
    }

    private mutating func typedField(depth: Int) throws(WireError) -> JSONValue {
        let letter = try octet()
        let value: JSONValue
        switch letter {
        case UInt8(ascii: "x"): value = .string(String(decoding: Base64.encode(try longBytes()), as: UTF8.self))
        case UInt8(ascii: "S"):
            let bytes = try longBytes()
            value = String(validating: bytes, as: UTF8.self).map { .string($0) } ?? TypedField.bytes(bytes)
        case UInt8(ascii: "V"): value = .null
        case UInt8(ascii: "t"): value = .bool(try octet() != 0)
        case UInt8(ascii: "b"): value = .integer(Int(try integer(Int8.self)))
        case UInt8(ascii: "B"): value = .integer(Int(try octet()))
        case UInt8(ascii: "s"), UInt8(ascii: "U"): value = .integer(Int(try integer(Int16.self)))
        case UInt8(ascii: "u"): value = .integer(Int(try integer(UInt16.self)))
        case UInt8(ascii: "I"): value = .integer(Int(try integer(Int32.self)))
        case UInt8(ascii: "i"): value = .integer(Int(try integer(UInt32.self)))
        case UInt8(ascii: "l"), UInt8(ascii: "L"): value = .integer(Int(try integer(Int64.self)))
        case UInt8(ascii: "T"):
            let seconds = try integer(UInt64.self)
            value = Int(exactly: seconds).map { .integer($0) } ?? .bigInteger(String(seconds))
        case UInt8(ascii: "d"):
            let number = Double(bitPattern: try integer(UInt64.self))
            value = number.isFinite ? .double(number) : TypedField.bytes(number.bitPattern.bigEndianBytes)
        case UInt8(ascii: "f"):
            let number = Float(bitPattern: try integer(UInt32.self))
            value = number.isFinite ? .double(Double(number)) : TypedField.bytes(number.bitPattern.bigEndianBytes)
        case UInt8(ascii: "D"): value = [.integer(Int(try octet())), .integer(Int(try integer(Int32.self)))]
        case UInt8(ascii: "F"): value = .object(try typedTable(depth: depth + 1))
        case UInt8(ascii: "A"):
            guard depth + 1 < Self.maximumDepth else { throw WireError(reason: "an array is nested too deeply") }
            var content = try part(Int(try integer(UInt32.self)))
            var values: [JSONValue] = []
            while !content.isAtEnd { values.append(try content.typedField(depth: depth + 1)) }
            value = .array(values)
        default: throw WireError(reason: "a table holds a value of the unknown type \(letter)")
        }
        return [.string(String(UnicodeScalar(letter))), value]
    }
}

extension WireWriter {
    /// Writes a table of values with their types.
    mutating func typedTable(_ table: JSONObject, depth: Int = 0) throws(TransportError) {
        guard depth < WireReader.maximumDepth else { throw TypedField.unfit("a table") }
        try sized { writer throws(TransportError) in
            for (name, field) in table {
                try writer.shortString(name, "a header's name")
                try writer.typedField(field, of: name, depth: depth)
            }
        }
    }

    private mutating func typedField(_ field: JSONValue, of name: String, depth: Int) throws(TransportError) {
        guard let pair = field.arrayValue, pair.count == 2, let type = pair[0].stringValue, type.utf8.count == 1,
            let letter = type.utf8.first
        else { throw TypedField.unfit(name) }
        octet(letter)
        let value = pair[1]
        func whole<Whole: FixedWidthInteger>(_: Whole.Type) throws(TransportError) -> Whole {
            guard let number = value.integerValue.flatMap({ Whole(exactly: $0) }) else { throw TypedField.unfit(name) }
            return number
        }
        switch letter {
        case UInt8(ascii: "S"), UInt8(ascii: "x"):
            let text = letter == UInt8(ascii: "x") ? ["base64": value] : value
            guard let text = TypedField.bytes(text) else { throw TypedField.unfit(name) }
            try sized { writer throws(TransportError) in writer.bytes.append(contentsOf: text) }
        case UInt8(ascii: "V"): break
        case UInt8(ascii: "t"):
            guard let isTrue = value.boolValue else { throw TypedField.unfit(name) }
            octet(isTrue ? 1 : 0)
        case UInt8(ascii: "b"): integer(try whole(Int8.self))
        case UInt8(ascii: "B"): integer(try whole(UInt8.self))
        case UInt8(ascii: "s"), UInt8(ascii: "U"): integer(try whole(Int16.self))
        case UInt8(ascii: "u"): integer(try whole(UInt16.self))
        case UInt8(ascii: "I"): integer(try whole(Int32.self))
        case UInt8(ascii: "i"): integer(try whole(UInt32.self))
        case UInt8(ascii: "l"), UInt8(ascii: "L"): integer(try whole(Int64.self))
        case UInt8(ascii: "T"):
            guard let seconds = UInt64(value.description) else { throw TypedField.unfit(name) }
            integer(seconds)
        case UInt8(ascii: "d"):
            try float(value, size: 8, of: name) { $0.bitPattern.bigEndianBytes }
        case UInt8(ascii: "f"):
            try float(value, size: 4, of: name) { Float($0).bitPattern.bigEndianBytes }
        case UInt8(ascii: "D"):
            guard let parts = value.arrayValue, parts.count == 2,
                let places = parts[0].integerValue.flatMap({ UInt8(exactly: $0) }),
                let digits = parts[1].integerValue.flatMap({ Int32(exactly: $0) })
            else { throw TypedField.unfit(name) }
            octet(places)
            integer(digits)
        case UInt8(ascii: "F"):
            guard let table = value.objectValue else { throw TypedField.unfit(name) }
            try typedTable(table, depth: depth + 1)
        case UInt8(ascii: "A"):
            guard let values = value.arrayValue, depth + 1 < WireReader.maximumDepth else {
                throw TypedField.unfit(name)
            }
            try sized { writer throws(TransportError) in
                for value in values { try writer.typedField(value, of: name, depth: depth + 1) }
            }
        default: throw TypedField.unfit(name)
        }
    }

    private mutating func float(
        _ value: JSONValue, size: Int, of name: String, _ bits: (Double) -> [UInt8]
    ) throws(TransportError) {
        let written = value.doubleValue.map(bits) ?? TypedField.bytes(value) ?? []
        guard written.count == size else { throw TypedField.unfit(name) }
        bytes.append(contentsOf: written)
    }
}

extension FixedWidthInteger {
    fileprivate var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
