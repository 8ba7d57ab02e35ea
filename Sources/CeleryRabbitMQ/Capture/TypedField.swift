internal import CeleryProtocol
internal import CeleryTransport

/// What ``AMQPField`` needs on the wire.
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
        let type = try fieldType()
        let value: JSONValue
        switch type {
        case .bytes: value = .string(String(decoding: Base64.encode(try longBytes()), as: UTF8.self))
        case .text:
            let bytes = try longBytes()
            value = String(validating: bytes, as: UTF8.self).map { .string($0) } ?? TypedField.bytes(bytes)
        case .null: value = .null
        case .boolean: value = .bool(try octet() != 0)
        case .int8: value = .integer(Int(try integer(Int8.self)))
        case .uint8: value = .integer(Int(try octet()))
        case .int16, .standardInt16: value = .integer(Int(try integer(Int16.self)))
        case .uint16: value = .integer(Int(try integer(UInt16.self)))
        case .int32: value = .integer(Int(try integer(Int32.self)))
        case .uint32: value = .integer(Int(try integer(UInt32.self)))
        case .int64, .standardInt64: value = .integer(Int(try integer(Int64.self)))
        case .timestamp:
            let seconds = try integer(UInt64.self)
            value = Int(exactly: seconds).map { .integer($0) } ?? .bigInteger(String(seconds))
        case .double:
            let number = Double(bitPattern: try integer(UInt64.self))
            value = number.isFinite ? .double(number) : TypedField.bytes(number.bitPattern.bigEndianBytes)
        case .float:
            let number = Float(bitPattern: try integer(UInt32.self))
            value = number.isFinite ? .double(Double(number)) : TypedField.bytes(number.bitPattern.bigEndianBytes)
        case .decimal: value = [.integer(Int(try octet())), .integer(Int(try integer(Int32.self)))]
        case .table: value = .object(try typedTable(depth: depth + 1))
        case .array:
            guard depth + 1 < Self.maximumDepth else { throw WireError(reason: "an array is nested too deeply") }
            var content = try part(Int(try integer(UInt32.self)))
            var values: [JSONValue] = []
            while !content.isAtEnd { values.append(try content.typedField(depth: depth + 1)) }
            value = .array(values)
        }
        return AMQPField(type, value).pair
    }

    private mutating func fieldType() throws(WireError) -> AMQPFieldType {
        let letter = try octet()
        guard let type = AMQPFieldType(rawValue: String(UnicodeScalar(letter))) else {
            throw WireError(reason: "a table holds a value of the unknown type \(letter)")
        }
        return type
    }

    /// Steps over a value with its type, however deep it is.
    mutating func skipField() throws(WireError) {
        let count =
            switch try fieldType() {
            case .text, .bytes, .table, .array: Int(try integer(UInt32.self))
            case .null: 0
            case .boolean, .int8, .uint8: 1
            case .int16, .standardInt16, .uint16: 2
            case .int32, .uint32, .float: 4
            case .decimal: 5
            case .int64, .standardInt64, .timestamp, .double: 8
            }
        _ = try data(count)
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
        guard let field = AMQPField(field) else { throw TypedField.unfit(name) }
        let (type, value) = (field.type, field.value)
        bytes.append(contentsOf: type.rawValue.utf8)
        func whole<Whole: FixedWidthInteger>(_: Whole.Type) throws(TransportError) -> Whole {
            guard let number = value.integerValue.flatMap({ Whole(exactly: $0) }) else { throw TypedField.unfit(name) }
            return number
        }
        switch type {
        case .text, .bytes:
            let text = type == .bytes ? ["base64": value] : value
            guard let text = TypedField.bytes(text) else { throw TypedField.unfit(name) }
            try sized { writer throws(TransportError) in writer.bytes.append(contentsOf: text) }
        case .null: break
        case .boolean:
            guard let isTrue = value.boolValue else { throw TypedField.unfit(name) }
            octet(isTrue ? 1 : 0)
        case .int8: integer(try whole(Int8.self))
        case .uint8: integer(try whole(UInt8.self))
        case .int16, .standardInt16: integer(try whole(Int16.self))
        case .uint16: integer(try whole(UInt16.self))
        case .int32: integer(try whole(Int32.self))
        case .uint32: integer(try whole(UInt32.self))
        case .int64, .standardInt64: integer(try whole(Int64.self))
        case .timestamp:
            guard let seconds = UInt64(value.description) else { throw TypedField.unfit(name) }
            integer(seconds)
        case .double:
            try float(value, size: 8, of: name) { $0.bitPattern.bigEndianBytes }
        case .float:
            try float(value, size: 4, of: name) { Float($0).bitPattern.bigEndianBytes }
        case .decimal:
            guard let parts = value.arrayValue, parts.count == 2,
                let places = parts[0].integerValue.flatMap({ UInt8(exactly: $0) }),
                let digits = parts[1].integerValue.flatMap({ Int32(exactly: $0) })
            else { throw TypedField.unfit(name) }
            octet(places)
            integer(digits)
        case .table:
            guard let table = value.objectValue else { throw TypedField.unfit(name) }
            try typedTable(table, depth: depth + 1)
        case .array:
            guard let values = value.arrayValue, depth + 1 < WireReader.maximumDepth else {
                throw TypedField.unfit(name)
            }
            try sized { writer throws(TransportError) in
                for value in values { try writer.typedField(value, of: name, depth: depth + 1) }
            }
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
