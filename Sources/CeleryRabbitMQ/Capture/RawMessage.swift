internal import CeleryProtocol
internal import CeleryTransport

/// A message with its properties as bytes: the flags and what they announce, headers among them.
struct RawMessage: Sendable, Equatable {
    var exchange = ""
    var routingKey = ""
    var isRedelivered = false
    var properties: [UInt8] = []
    var body: [UInt8] = []
}

extension RawMessage {
    /// The members of its case in a file of fixtures.
    func fields(queue: String) -> JSONObject {
        var fields: JSONObject = [
            "queue": .string(queue), "exchange": .string(exchange), "routing_key": .string(routingKey),
            "redelivered": .bool(isRedelivered),
        ]
        var content: TypedProperties
        do throws(WireError) {
            content = try TypedProperties(properties)
        } catch {
            content = TypedProperties()
        }
        // Counted by quorum queues, which add it at each delivery: it is no part of the message.
        let isCounted = content.removeHeader("x-delivery-count")
        fields["properties"] = .object(content.properties)
        fields["headers"] = .object(content.headers)
        if !isCounted, content.encoded() != properties {
            // Of a form that cannot be told by its values, such as a key that stands twice.
            fields["content_base64"] = .string(String(decoding: Base64.encode(properties), as: UTF8.self))
        }
        fields.setBytes(body, "body")
        return fields
    }
}
