internal import CeleryProtocol

/// Puts frames together to what the server means by them. Knows nothing of sockets, clocks or tasks.
struct DeliveryAssembler {
    /// A message is announced by a method, described by a header and carried by body frames, on one channel.
    private enum State {
        case idle
        case announced(Announcement, channel: UInt16)
        case receiving(Announcement, channel: UInt16, header: ContentHeader, body: [UInt8])
    }

    private enum Announcement {
        case delivery(consumerTag: String, tag: UInt64, isRedelivered: Bool, exchange: String, routingKey: String)
        case returned(ServerFault, exchange: String, routingKey: String)
    }

    /// Memory is set aside for bodies up to this size; larger ones get it as they arrive, whatever their header says.
    private static let reservedBodySize: UInt64 = 1 << 20

    private var state = State.idle

    /// Takes the next frame; returns what it completes, if anything.
    mutating func accept(_ frame: Frame) throws(WireError) -> ServerEvent? {
        var reader = frame.payload
        switch WireWriter.FrameType(rawValue: frame.type) {
        case .method: return try method(&reader, channel: frame.channel)
        case .header: return try header(&reader, channel: frame.channel)
        case .body: return try body(&reader, channel: frame.channel)
        case .heartbeat: return .heartbeat
        case nil: throw WireError(reason: "a frame is of the unknown type \(frame.type)")
        }
    }

    private mutating func header(_ reader: inout WireReader, channel: UInt16) throws(WireError) -> ServerEvent? {
        guard case .announced(let announcement, channel) = state else {
            throw WireError(reason: "a header comes before its method")
        }
        let header = try ContentHeader(&reader)
        if header.bodySize == 0 { return finish(announcement, header, []) }
        var body: [UInt8] = []
        body.reserveCapacity(Int(min(header.bodySize, Self.reservedBodySize)))
        state = .receiving(announcement, channel: channel, header: header, body: body)
        return nil
    }

    private mutating func body(_ reader: inout WireReader, channel: UInt16) throws(WireError) -> ServerEvent? {
        guard case .receiving(let announcement, channel, let header, var body) = state else {
            throw WireError(reason: "a body comes before its header")
        }
        state = .idle  // so that the body is not shared while it grows
        body.append(contentsOf: try reader.data(reader.remaining))
        let size = UInt64(body.count)
        guard size <= header.bodySize else { throw WireError(reason: "a body is longer than announced") }
        if size == header.bodySize { return finish(announcement, header, body) }
        state = .receiving(announcement, channel: channel, header: header, body: body)
        return nil
    }

    private mutating func finish(_ announcement: Announcement, _ header: ContentHeader, _ body: [UInt8]) -> ServerEvent
    {
        state = .idle
        switch announcement {
        case .returned(let fault, let exchange, let routingKey):
            var correlationID: String?
            if case .success(let message) = header.message { correlationID = message.properties.correlationID }
            return .returned(
                ReturnedMessage(
                    fault: fault,
                    exchange: exchange,
                    routingKey: routingKey,
                    correlationID: correlationID,
                    body: body
                )
            )
        case .delivery(let consumerTag, let tag, let isRedelivered, let exchange, let routingKey):
            let message = header.message.map { message in
                var message = message
                message.properties.exchange = exchange
                message.properties.routingKey = routingKey
                message.properties.isRedelivered = isRedelivered
                message.body = body
                return message
            }
            return .delivery(IncomingDelivery(consumerTag: consumerTag, tag: tag, message: message, body: body))
        }
    }

    private mutating func method(_ reader: inout WireReader, channel: UInt16) throws(WireError) -> ServerEvent? {
        let number = try reader.integer(UInt32.self)
        guard let id = MethodID(rawValue: number) else {
            throw WireError(reason: "the method \(number >> 16).\(number & 0xFFFF) is unknown")
        }
        if channel != 0, case .announced(_, channel) = state { throw WireError(reason: "a message has no header") }
        switch id {
        case .basicDeliver:
            guard case .idle = state else { throw WireError(reason: "a message begins within another") }
            let announcement = Announcement.delivery(
                consumerTag: try reader.shortString(),
                tag: try reader.integer(UInt64.self),
                isRedelivered: try reader.octet() & 1 != 0,
                exchange: try reader.shortString(),
                routingKey: try reader.shortString()
            )
            state = .announced(announcement, channel: channel)
            return nil
        case .basicReturn:
            guard case .idle = state else { throw WireError(reason: "a message begins within another") }
            let code = try reader.integer(UInt16.self)
            let fault = ServerFault(code: code, text: try reader.shortString(), method: .basicPublish)
            let (exchange, routingKey) = (try reader.shortString(), try reader.shortString())
            state = .announced(.returned(fault, exchange: exchange, routingKey: routingKey), channel: channel)
            return nil
        case .basicAck, .basicNack:
            let tag = try reader.integer(UInt64.self)
            return .confirmation(tag: tag, multiple: try reader.octet() & 1 != 0, isPositive: id == .basicAck)
        case .basicCancel:
            return .consumerCancelled(tag: try reader.shortString())
        case .channelFlow:
            return .flow(isActive: try reader.octet() & 1 != 0, channel: channel)
        case .channelClose:
            if case .idle = state {} else { state = .idle }  // the rest of the message will not come
            return .channelClosed(try Self.fault(&reader), channel: channel)
        case .connectionClose:
            return .connectionClosed(try Self.fault(&reader))
        case .connectionBlocked:
            return .blocked(reason: try reader.shortString())
        case .connectionUnblocked:
            return .unblocked
        case .connectionCloseOK, .channelOpenOK, .channelCloseOK, .exchangeDeclareOK, .queueDeclareOK, .queueBindOK,
            .queuePurgeOK, .confirmSelectOK, .basicQosOK, .basicConsumeOK, .basicCancelOK:
            return .reply(id, channel: channel)
        case .channelOpen, .channelFlowOK, .exchangeDeclare, .queueDeclare, .queueBind, .queuePurge, .queueDelete,
            .confirmSelect, .basicQos, .basicConsume, .basicPublish, .basicReject:
            throw WireError(reason: "the method \(id) is not for clients")
        }
    }

    private static func fault(_ reader: inout WireReader) throws(WireError) -> ServerFault {
        let code = try reader.integer(UInt16.self)
        let text = try reader.shortString()
        return ServerFault(code: code, text: text, method: MethodID(rawValue: try reader.integer(UInt32.self)))
    }
}
