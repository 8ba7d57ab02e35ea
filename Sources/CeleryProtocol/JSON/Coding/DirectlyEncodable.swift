/// A type that becomes a JSON value without any container, for speed or because it has a form of its own.
protocol DirectlyEncodable {
    func jsonValue(at path: () -> CodingPath) throws -> JSONValue
}

extension JSONValue: DirectlyEncodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue { self }
}

extension JSONObject: DirectlyEncodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue { .object(self) }
}

extension Bool: DirectlyEncodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue { .bool(self) }
}

extension String: DirectlyEncodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue { .string(self) }
}

extension Double: DirectlyEncodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue { .double(self) }
}

extension Float: DirectlyEncodable {
    /// The float that has the fewest digits, not the one that is nearest: 0.1 stays 0.1.
    func jsonValue(at path: () -> CodingPath) -> JSONValue { .double(Double(description) ?? Double(self)) }
}

extension DirectlyEncodable where Self: BinaryInteger {
    func jsonValue(at path: () -> CodingPath) -> JSONValue {
        Int(exactly: self).map(JSONValue.integer) ?? .bigInteger(String(self))
    }
}

extension Int: DirectlyEncodable {}
extension Int8: DirectlyEncodable {}
extension Int16: DirectlyEncodable {}
extension Int32: DirectlyEncodable {}
extension Int64: DirectlyEncodable {}
extension Int128: DirectlyEncodable {}
extension UInt: DirectlyEncodable {}
extension UInt8: DirectlyEncodable {}
extension UInt16: DirectlyEncodable {}
extension UInt32: DirectlyEncodable {}
extension UInt64: DirectlyEncodable {}
extension UInt128: DirectlyEncodable {}

extension Optional: DirectlyEncodable where Wrapped: Encodable {
    func jsonValue(at path: () -> CodingPath) throws -> JSONValue {
        guard let self else { return .null }
        return try JSONValueEncoder.encode(self, at: path())
    }
}

extension Array: DirectlyEncodable where Element: Encodable {
    func jsonValue(at path: () -> CodingPath) throws -> JSONValue {
        var elements: [JSONValue] = []
        elements.reserveCapacity(count)
        for (index, element) in enumerated() {
            elements.append(
                try JSONValueEncoder.encode(element, at: .child(AnyCodingKey(index), of: path()))
            )
        }
        return .array(elements)
    }
}

extension Dictionary: DirectlyEncodable where Key == String, Value: Encodable {
    func jsonValue(at path: () -> CodingPath) throws -> JSONValue {
        var object = JSONObject()
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            object[key] = try JSONValueEncoder.encode(value, at: .child(AnyCodingKey(key), of: path()))
        }
        return .object(object)
    }
}
