#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension JSONValue: Codable {
    /// The value as it is from `JSONValueDecoder`; from other decoders what they can tell: most cannot tell `1.0` from
    /// `1`, and keep no order of keys.
    public init(from decoder: any Decoder) throws {
        if let node = decoder as? JSONDecodingNode {
            self = node.value
        } else if let container = try? decoder.singleValueContainer(), let scalar = Self.scalar(container) {
            // Failures here only mean that the value is of another kind, which the rest finds out.
            self = scalar
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSONValue] = []
            while !container.isAtEnd { elements.append(try container.decode(JSONValue.self)) }
            self = .array(elements)
        } else {
            self = .object(try JSONObject(from: decoder))
        }
    }

    private static func scalar(_ container: any SingleValueDecodingContainer) -> JSONValue? {
        if container.decodeNil() { return .null }
        if let value = try? container.decode(Bool.self) { return .bool(value) }
        if let value = try? container.decode(Int.self) { return .integer(value) }
        if let value = try? container.decode(UInt64.self) { return .bigInteger(String(value)) }
        if let value = try? container.decode(Double.self) { return .double(value) }
        if let value = try? container.decode(String.self) { return .string(value) }
        return nil
    }

    /// The value as it is into `JSONValueEncoder`. Other encoders take integers of up to 38 digits, and no strings with
    /// lone surrogates.
    public func encode(to encoder: any Encoder) throws {
        if let node = encoder as? JSONEncodingNode { return node.set(self) }
        switch self {
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .object(let object):
            try object.encode(to: encoder)
        default:
            var container = encoder.singleValueContainer()
            try encode(to: &container)
        }
    }

    private func encode(to container: inout any SingleValueEncodingContainer) throws {
        func unfit(_ message: String) -> EncodingError {
            .invalidValue(self, .init(codingPath: container.codingPath, debugDescription: message))
        }
        switch self {
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .bigInteger(let digits):
            if let value = UInt64(digits) {
                try container.encode(value)
            } else if digits.utf8.count <= 38, let value = Decimal(string: digits) {
                try container.encode(value)
            } else {
                throw unfit("the integer has too many digits")
            }
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .surrogateString: throw unfit("the string has lone surrogates")
        case .null, .array, .object: try container.encodeNil()
        }
    }
}

extension JSONObject: Codable {
    /// The object as it is from `JSONValueDecoder`; most other decoders keep no order of keys.
    public init(from decoder: any Decoder) throws {
        if let node = decoder as? JSONDecodingNode {
            self = try JSONObject(json: node.value, at: { node.path })
            return
        }
        let container = try decoder.container(keyedBy: AnyCodingKey.self)
        self.init()
        for key in container.allKeys {
            self[key.stringValue] = try container.decode(JSONValue.self, forKey: key)
        }
    }

    /// The object as it is into `JSONValueEncoder`, and key by key into other encoders.
    public func encode(to encoder: any Encoder) throws {
        if let node = encoder as? JSONEncodingNode { return node.set(.object(self)) }
        var container = encoder.container(keyedBy: AnyCodingKey.self)
        for (key, value) in entries { try container.encode(value, forKey: AnyCodingKey(key)) }
    }
}
