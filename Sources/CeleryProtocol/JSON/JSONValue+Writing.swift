extension JSONValue {
    /// Appends the JSON text, byte for byte as Python's `json.dumps` writes it by default.
    public func write(to bytes: inout [UInt8]) {
        var writer = JSONWriter()
        writer.write(self)
        bytes.append(contentsOf: writer.written)
    }

    /// The JSON text, byte for byte as Python's `json.dumps` writes it by default.
    public func serialized() -> [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }
}

extension JSONObject {
    /// Appends the JSON text, byte for byte as Python's `json.dumps` writes it by default.
    public func write(to bytes: inout [UInt8]) { JSONValue.object(self).write(to: &bytes) }

    /// The JSON text, byte for byte as Python's `json.dumps` writes it by default.
    public func serialized() -> [UInt8] { JSONValue.object(self).serialized() }
}

extension JSONValue: CustomStringConvertible {
    /// The JSON text.
    public var description: String { String(decoding: serialized(), as: UTF8.self) }
}

extension JSONObject: CustomStringConvertible {
    /// The JSON text.
    public var description: String { String(decoding: serialized(), as: UTF8.self) }
}
