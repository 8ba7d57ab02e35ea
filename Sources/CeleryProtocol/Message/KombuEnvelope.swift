/// The JSON text that kombu's virtual transports (Redis, memory) carry for a message.
///
/// An object of `body`, `content-encoding`, `content-type`, `headers` and `properties`; the body is base64 unless the
/// property `body_encoding` says otherwise.
package enum KombuEnvelope {
    /// Reads an envelope.
    package static func decode(_ bytes: [UInt8]) throws(MessageError) -> Message {
        let envelope: JSONObject
        do {
            let limit = TaskPayload.defaultMaximumBodyMemory
            guard case .object(let object) = try JSONValue.reading(bytes, memoryLimit: limit).value else {
                throw MessageError(.undecodable, "the envelope is not a JSON object")
            }
            envelope = object
        } catch let error as JSONError {
            let what = error.isTooLarge ? "is too large" : "is not JSON"
            throw MessageError(.undecodable, "the envelope \(what): \(error)")
        } catch let error as MessageError {
            throw error
        } catch {
            throw MessageError(.undecodable, "\(error)")
        }
        var contentType: String?
        var contentEncoding: String?
        var headers = JSONObject()
        var properties = JSONObject()
        var text: JSONValue = .null
        for (key, value) in envelope {
            switch key {
            case "body": text = value
            case "content-type": contentType = value.text
            case "content-encoding": contentEncoding = value.text
            case "headers": headers = value.objectValue ?? [:]
            case "properties": properties = value.objectValue ?? [:]
            default: break
            }
        }
        // Without a body it is still a message: its headers say whom to tell that it cannot be run.
        let body = try decode(body: text, encoding: properties["body_encoding"])
        return Message(
            contentType: contentType,
            contentEncoding: contentEncoding,
            headers: headers,
            properties: MessageProperties(envelope: properties),
            body: body
        )
    }

    private static func decode(body: JSONValue, encoding: JSONValue?) throws(MessageError) -> [UInt8] {
        guard encoding?.text == "base64" else { return body.textBytes ?? [] }
        do {
            if case .string(let text) = body { return try Base64.decode(text.utf8) }
            return try Base64.decode(body.textBytes ?? [])
        } catch {
            throw MessageError(.undecodable, "the body is not base64")
        }
    }

    /// Writes the envelope of `message` as kombu does. The properties need a delivery tag.
    package static func encode(_ message: Message) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(message.body.count * 4 / 3 + 1024)
        bytes.append(contentsOf: #"{"body": ""#.utf8)
        bytes.append(contentsOf: Base64.encode(message.body))
        bytes.append(contentsOf: #"", "content-encoding": "#.utf8)
        Self.value(message.contentEncoding).write(to: &bytes)
        bytes.append(contentsOf: #", "content-type": "#.utf8)
        Self.value(message.contentType).write(to: &bytes)
        bytes.append(contentsOf: #", "headers": "#.utf8)
        message.headers.write(to: &bytes)
        bytes.append(contentsOf: #", "properties": "#.utf8)
        message.properties.envelope.write(to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private static func value(_ text: String?) -> JSONValue {
        text.map(JSONValue.string) ?? .null
    }
}

extension MessageProperties {
    /// The properties as the envelope's object holds them.
    fileprivate init(envelope: JSONObject) {
        self.init(deliveryMode: nil)
        for (key, value) in envelope {
            switch key {
            case "correlation_id":
                correlationID = value.text
                if correlationID == nil { other[key] = value }
            case "reply_to":
                replyTo = value.text
                if replyTo == nil { other[key] = value }
            case "delivery_mode": deliveryMode = value.integerValue
            case "expiration":
                expiration = value.text.flatMap(Duration.init(expiration:))
                if expiration == nil { other[key] = value }
            case "delivery_tag": deliveryTag = value.text
            case "priority": priority = value.integerValue ?? value.text.flatMap { Int($0) }
            case "delivery_info":
                guard let info = value.objectValue else { continue }
                for (key, value) in info {
                    switch key {
                    case "exchange": exchange = value.text
                    case "routing_key": routingKey = value.text
                    case "redelivered": isRedelivered = value.isTruthy
                    default: break
                    }
                }
            case "body_encoding": break
            default: other[key] = value
            }
        }
    }

    /// The envelope's object, in the order in which kombu writes it.
    fileprivate var envelope: JSONObject {
        var object = JSONObject()
        if let correlationID { object.append("correlation_id", .string(correlationID)) }
        if let replyTo { object.append("reply_to", .string(replyTo)) }
        if let deliveryMode { object.append("delivery_mode", .integer(deliveryMode)) }
        if let expiration { object.append("expiration", .string(expiration.expirationText)) }
        var info = JSONObject()
        info.append("exchange", .string(exchange ?? ""))
        info.append("routing_key", .string(routingKey ?? ""))
        if isRedelivered { info.append("redelivered", true) }
        object.append("delivery_info", .object(info))
        object.append("priority", .integer(priority ?? 0))
        object.append("body_encoding", "base64")
        if let deliveryTag { object.append("delivery_tag", .string(deliveryTag)) }
        for (key, value) in other { object[key] = value }
        return object
    }
}
