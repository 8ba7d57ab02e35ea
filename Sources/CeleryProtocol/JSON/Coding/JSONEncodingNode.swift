/// One value on its way into JSON, for types that encode themselves through containers.
final class JSONEncodingNode: Encoder {
    /// A value, or one that another node still collects.
    enum Slot {
        case value(JSONValue)
        case node(JSONEncodingNode)

        var encoded: JSONValue {
            switch self {
            case .value(let value): value
            // Whoever asked for a container and never used it meant an empty object.
            case .node(let node): node.encoded ?? .object(JSONObject())
            }
        }
    }

    private enum Kind {
        case nothing, value, array, object
    }

    let path: CodingPath
    private var kind = Kind.nothing
    private var value = JSONValue.null
    fileprivate var elements: [Slot] = []
    fileprivate var members: [(key: String, slot: Slot)] = []

    init(_ path: CodingPath) { self.path = path }

    var codingPath: [any CodingKey] { path.keys }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// What was encoded, or `nil` if nothing was.
    var encoded: JSONValue? {
        switch kind {
        case .nothing:
            return nil
        case .value:
            return value
        case .array:
            return .array(elements.map(\.encoded))
        case .object:
            var object = JSONObject()
            for (key, slot) in members { object[key] = slot.encoded }
            return .object(object)
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        kind = .object
        return KeyedEncodingContainer(KeyedJSONEncoding(node: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        kind = .array
        return UnkeyedJSONEncoding(node: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }
}

extension JSONEncodingNode: SingleValueEncodingContainer {
    func encodeNil() { set(.null) }

    func encode<Value: Encodable>(_ value: Value) throws {
        set(try JSONValueEncoder.encode(value, at: path))
    }

    func set(_ value: JSONValue) {
        kind = .value
        self.value = value
    }
}

private struct KeyedJSONEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: JSONEncodingNode

    var codingPath: [any CodingKey] { node.codingPath }

    func encodeNil(forKey key: Key) { node.members.append((key.stringValue, .value(.null))) }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        let encoded = try JSONValueEncoder.encode(value, at: .child(key, of: node.path))
        node.members.append((key.stringValue, .value(encoded)))
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        child(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { child(key).unkeyedContainer() }

    func superEncoder() -> any Encoder { child(AnyCodingKey("super")) }

    func superEncoder(forKey key: Key) -> any Encoder { child(key) }

    private func child(_ key: any CodingKey) -> JSONEncodingNode {
        let child = JSONEncodingNode(.child(key, of: node.path))
        node.members.append((key.stringValue, .node(child)))
        return child
    }
}

private struct UnkeyedJSONEncoding: UnkeyedEncodingContainer {
    let node: JSONEncodingNode

    var codingPath: [any CodingKey] { node.codingPath }
    var count: Int { node.elements.count }

    func encodeNil() { node.elements.append(.value(.null)) }

    func encode<Value: Encodable>(_ value: Value) throws {
        let encoded = try JSONValueEncoder.encode(value, at: .child(AnyCodingKey(count), of: node.path))
        node.elements.append(.value(encoded))
    }

    func nestedContainer<NestedKey: CodingKey>(keyedBy type: NestedKey.Type) -> KeyedEncodingContainer<NestedKey> {
        child().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { child().unkeyedContainer() }

    func superEncoder() -> any Encoder { child() }

    private func child() -> JSONEncodingNode {
        let child = JSONEncodingNode(.child(AnyCodingKey(count), of: node.path))
        node.elements.append(.node(child))
        return child
    }
}
