internal import CeleryProtocol
internal import CeleryTransport

/// A message with its properties as bytes: the flags and what they announce, headers among them.
struct RawMessage: Sendable, Equatable {
    /// In which a quorum queue counts the deliveries before this one. The first has none of the queue's, but may have one of
    /// the sender's own.
    static let countingHeader = "x-delivery-count"

    /// Of its delivery, for the acknowledgement; 0 for what was not delivered.
    var deliveryTag: UInt64 = 0
    var exchange = ""
    var routingKey = ""
    var isRedelivered = false
    var properties: [UInt8] = []
    var body: [UInt8] = []
}

extension RawMessage {
    /// The members of its case in a file of fixtures.
    ///
    /// - Parameter isCounted: whether the message comes from a quorum queue, whose count of deliveries is no part of it.
    func fields(queue: String, isCounted: Bool) -> JSONObject {
        var fields: JSONObject = [
            "queue": .string(queue), "exchange": .string(exchange), "routing_key": .string(routingKey),
            "redelivered": .bool(isRedelivered),
        ]
        let properties = isCounted && isRedelivered ? uncounted : properties
        let content: TypedProperties
        do throws(WireError) {
            content = try TypedProperties(properties)
        } catch {
            content = TypedProperties()
        }
        fields["properties"] = .object(content.properties)
        fields["headers"] = .object(content.headers)
        if content.encoded() != properties {
            // Of a form that cannot be told by its values, such as a key that stands twice.
            fields["content_base64"] = .string(String(decoding: Base64.encode(properties), as: UTF8.self))
        }
        fields.setBytes(body, "body")
        return fields
    }

    /// The properties without the count of deliveries; the other bytes are as they were.
    private var uncounted: [UInt8] {
        do throws(WireError) {
            return try TypedProperties.removing(Self.countingHeader, from: properties)
        } catch {
            return properties
        }
    }

    /// How often a quorum queue has delivered it before.
    var deliveryCount: Int {
        guard isRedelivered else { return 0 }
        do throws(WireError) {
            let headers = try TypedProperties(properties).headers
            return headers[Self.countingHeader]?.arrayValue?.last?.integerValue ?? 0
        } catch {
            return 0
        }
    }
}
