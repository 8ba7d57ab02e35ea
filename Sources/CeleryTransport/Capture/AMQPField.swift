package import CeleryProtocol

/// A header's value with its type, as files of fixtures hold it: `[letter, value]`. `A` has a list of such pairs, `F` an
/// object of them. A text that is not UTF-8 is `{"base64": ...}`, and so are the bits of a float that is no number; the
/// bytes of an `x` are always base64.
package struct AMQPField: Sendable {
    package let type: AMQPFieldType
    package let value: JSONValue

    package init(_ type: AMQPFieldType, _ value: JSONValue) {
        self.type = type
        self.value = value
    }

    /// Reads a pair; `nil` when it is none, or has a letter that RabbitMQ does not know.
    package init?(_ pair: JSONValue) {
        guard let parts = pair.arrayValue, parts.count == 2,
            let type = parts[0].stringValue.flatMap(AMQPFieldType.init(rawValue:))
        else { return nil }
        self.init(type, parts[1])
    }

    /// How it stands in a file.
    package var pair: JSONValue { [.string(type.rawValue), value] }
}
