internal import CeleryProtocol
internal import CeleryTransport

extension WireWriter {
    /// The frames of one publish. Nothing is written when it throws.
    ///
    /// - Parameter isMandatory: whether the server gives the message back when no queue takes it.
    mutating func publish(
        _ message: Message,
        exchange: String,
        routingKey: String,
        isMandatory: Bool = false,
        channel: UInt16,
        frameMax: Int
    ) throws(TransportError) {
        try publish(
            message.body, exchange: exchange, routingKey: routingKey, isMandatory: isMandatory, channel: channel,
            frameMax: frameMax
        ) { writer throws(TransportError) in
            try writer.properties(of: message)
        }
    }

    /// The same with a body alone and with properties that `properties` writes.
    mutating func publish(
        _ body: [UInt8],
        exchange: String,
        routingKey: String,
        isMandatory: Bool = false,
        channel: UInt16,
        frameMax: Int,
        _ properties: (inout WireWriter) throws(TransportError) -> Void
    ) throws(TransportError) {
        let start = bytes.count
        do throws(TransportError) {
            try method(.basicPublish, channel: channel) { writer throws(TransportError) in
                writer.integer(UInt16(0))
                try writer.shortString(exchange, "the exchange's name")
                try writer.shortString(routingKey, "the routing key")
                writer.octet(isMandatory ? 1 : 0)
            }
            let header = bytes.count
            try frame(.header, channel: channel) { writer throws(TransportError) in
                writer.integer(UInt16(60))
                writer.integer(UInt16(0))
                writer.integer(UInt64(body.count))
                try properties(&writer)
            }
            let size = bytes.count - header
            guard size <= frameMax else {
                throw TransportError(
                    .rejected,
                    "headers and properties take \(size) bytes; the server allows \(frameMax)"
                )
            }
        } catch {
            bytes.removeSubrange(start...)
            throw error
        }
        self.body(body, channel: channel, frameMax: frameMax)
    }

    /// The frames of a body.
    mutating func body(_ body: [UInt8], channel: UInt16, frameMax: Int) {
        let step = frameMax - Self.frameOverhead
        var offset = 0
        while offset < body.count {
            let count = min(step, body.count - offset)
            octet(FrameType.body.rawValue)
            integer(channel)
            integer(UInt32(truncatingIfNeeded: count))
            bytes.append(contentsOf: body[offset..<offset + count])
            octet(Self.frameEnd)
            offset += count
        }
    }

    /// The flags of the properties that are there, then these properties in the order of their flags.
    mutating func properties(of message: Message) throws(TransportError) {
        let properties = message.properties
        let messageID = properties.other["message_id"]?.stringValue
        let timestamp = properties.other["timestamp"]?.integerValue.flatMap { UInt64(exactly: $0) }
        let type = properties.other["type"]?.stringValue
        let appID = properties.other["app_id"]?.stringValue
        var flags: UInt16 = 0x2000
        if message.contentType != nil { flags |= 0x8000 }
        if message.contentEncoding != nil { flags |= 0x4000 }
        if properties.deliveryMode != nil { flags |= 0x1000 }
        if properties.priority != nil { flags |= 0x0800 }
        if properties.correlationID != nil { flags |= 0x0400 }
        if properties.replyTo != nil { flags |= 0x0200 }
        if properties.expiration != nil { flags |= 0x0100 }
        if messageID != nil { flags |= 0x0080 }
        if timestamp != nil { flags |= 0x0040 }
        if type != nil { flags |= 0x0020 }
        if appID != nil { flags |= 0x0008 }
        integer(flags)
        if let value = message.contentType { try shortString(value, "the content type") }
        if let value = message.contentEncoding { try shortString(value, "the content encoding") }
        try copies(message.headers)
        try table(message.headers)
        if let value = properties.deliveryMode { try deliveryMode(value) }
        if let value = properties.priority { octet(UInt8(clamping: value)) }
        if let value = properties.correlationID { try shortString(value, "the correlation id") }
        if let value = properties.replyTo { try replyTo(value) }
        if let value = properties.expiration { try expiration(value) }
        if let messageID { try shortString(messageID, "the message id") }
        if let timestamp { integer(timestamp) }
        if let type { try shortString(type, "the message's type") }
        if let appID { try shortString(appID, "the app id") }
    }

    // Over each of these the server would close the channel, and with it fail other messages under way.

    /// RabbitMQ's own headers for further routing keys are lists.
    private func copies(_ headers: JSONObject) throws(TransportError) {
        for key in ["CC", "BCC"] {
            guard let value = headers[key], value.arrayValue == nil else { continue }
            throw TransportError(.rejected, "the header \(key) must be a list of routing keys")
        }
    }

    private mutating func deliveryMode(_ mode: Int) throws(TransportError) {
        guard mode == 1 || mode == 2 else {
            throw TransportError(.rejected, "the delivery mode must be 1 or 2 and not \(mode)")
        }
        octet(UInt8(mode))
    }

    private mutating func replyTo(_ queue: String) throws(TransportError) {
        // Only who consumes from it on the same channel may name it.
        guard queue != "amq.rabbitmq.reply-to" else {
            throw TransportError(.rejected, "reply_to must not be RabbitMQ's pseudo-queue \(queue)")
        }
        try shortString(queue, "reply_to")
    }

    private mutating func expiration(_ duration: Duration) throws(TransportError) {
        guard duration >= .zero, duration.inMilliseconds <= UInt32.max else {
            throw TransportError(.rejected, "the expiration must be from 0 to 2^32 - 1 milliseconds")
        }
        try shortString(duration.expirationText, "the expiration")
    }
}
