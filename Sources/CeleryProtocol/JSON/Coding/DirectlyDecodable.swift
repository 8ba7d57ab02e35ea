/// A type that is made of a JSON value without any container, for speed or because it has a form of its own.
protocol DirectlyDecodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws
}

extension JSONValue: DirectlyDecodable {
    init(json value: JSONValue, at path: () -> CodingPath) { self = value }
}

extension JSONObject: DirectlyDecodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        guard case .object(let object) = value else {
            throw DecodingError.mismatch(JSONObject.self, expected: "dict", value, at: path)
        }
        self = object
    }
}

extension Bool: DirectlyDecodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        guard case .bool(let bool) = value else {
            throw DecodingError.mismatch(Bool.self, expected: "bool", value, at: path)
        }
        self = bool
    }
}

extension String: DirectlyDecodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        switch value {
        case .string(let string): self = string
        case .surrogateString: throw DecodingError.unfit("the str has lone surrogates", at: path)
        default: throw DecodingError.mismatch(String.self, expected: "str", value, at: path)
        }
    }
}

extension Double: DirectlyDecodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        guard let double = value.doubleValue else {
            throw DecodingError.mismatch(Double.self, expected: "float", value, at: path)
        }
        if case .bigInteger = value, double.isInfinite {
            throw DecodingError.unfit("the int is too large for a float", at: path)
        }
        self = double
    }
}

extension Float: DirectlyDecodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        let double = try Double(json: value, at: path)
        self = Float(double)
        if isInfinite, !double.isInfinite {
            throw DecodingError.unfit("float \(value.shortText) does not fit Float", at: path)
        }
    }
}

extension DirectlyDecodable where Self: FixedWidthInteger {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        let fitting: Self?
        switch value {
        case .integer(let integer): fitting = Self(exactly: integer)
        case .bigInteger(let digits): fitting = Self(digits)
        default: throw DecodingError.mismatch(Self.self, expected: "int", value, at: path)
        }
        guard let fitting else {
            throw DecodingError.unfit("int \(value.shortText) does not fit \(Self.self)", at: path)
        }
        self = fitting
    }
}

extension Int: DirectlyDecodable {}
extension Int8: DirectlyDecodable {}
extension Int16: DirectlyDecodable {}
extension Int32: DirectlyDecodable {}
extension Int64: DirectlyDecodable {}
extension Int128: DirectlyDecodable {}
extension UInt: DirectlyDecodable {}
extension UInt8: DirectlyDecodable {}
extension UInt16: DirectlyDecodable {}
extension UInt32: DirectlyDecodable {}
extension UInt64: DirectlyDecodable {}
extension UInt128: DirectlyDecodable {}

extension Optional: DirectlyDecodable where Wrapped: Decodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        self = value.isNull ? nil : try JSONValueDecoder.decode(Wrapped.self, from: value, at: path())
    }
}

extension Array: DirectlyDecodable where Element: Decodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        guard case .array(let values) = value else {
            throw DecodingError.mismatch([Element].self, expected: "list", value, at: path)
        }
        self = []
        reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            append(
                try JSONValueDecoder.decode(
                    Element.self,
                    from: value,
                    at: .child(AnyCodingKey(index), of: path())
                )
            )
        }
    }
}

extension Dictionary: DirectlyDecodable where Key == String, Value: Decodable {
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        guard case .object(let object) = value else {
            throw DecodingError.mismatch([String: Value].self, expected: "dict", value, at: path)
        }
        self = [:]
        reserveCapacity(object.count)
        for (key, value) in object.entries {
            self[key] = try JSONValueDecoder.decode(
                Value.self,
                from: value,
                at: .child(AnyCodingKey(key), of: path())
            )
        }
    }
}
