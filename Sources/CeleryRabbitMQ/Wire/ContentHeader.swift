internal import CeleryProtocol

/// The frame between a delivery's method and its body.
struct ContentHeader {
    let bodySize: UInt64
    /// Everything but the body, or why the properties cannot be read. That is the message's fault, not the connection's.
    var message: Result<Message, MessageError>

    init(_ reader: inout WireReader) throws(WireError) {
        _ = try reader.integer(UInt32.self)  // class and weight
        bodySize = try reader.integer(UInt64.self)
        do throws(WireError) {
            message = .success(try Self.message(&reader))
        } catch {
            message = .failure(MessageError(.undecodable, "the message's properties cannot be read: \(error.reason)"))
        }
    }

    private static func message(_ reader: inout WireReader) throws(WireError) -> Message {
        let flags = try reader.integer(UInt16.self)
        guard flags & 1 == 0 else { throw WireError(reason: "there are properties that AMQP does not know") }
        var message = Message(
            contentType: nil,
            contentEncoding: nil,
            properties: MessageProperties(deliveryMode: nil),
            body: []
        )
        if flags & 0x8000 != 0 { message.contentType = try reader.shortString() }
        if flags & 0x4000 != 0 { message.contentEncoding = try reader.shortString() }
        if flags & 0x2000 != 0 { message.headers = try reader.table() }
        if flags & 0x1000 != 0 { message.properties.deliveryMode = Int(try reader.octet()) }
        if flags & 0x0800 != 0 { message.properties.priority = Int(try reader.octet()) }
        if flags & 0x0400 != 0 { message.properties.correlationID = try reader.shortString() }
        if flags & 0x0200 != 0 { message.properties.replyTo = try reader.shortString() }
        if flags & 0x0100 != 0 { message.properties.expiration = Duration(expiration: try reader.shortString()) }
        if flags & 0x0080 != 0 { message.properties.other["message_id"] = .string(try reader.shortString()) }
        if flags & 0x0040 != 0 {
            let seconds = try reader.integer(UInt64.self)
            message.properties.other["timestamp"] =
                Int(exactly: seconds).map { .integer($0) } ?? .bigInteger(String(seconds))
        }
        if flags & 0x0020 != 0 { message.properties.other["type"] = .string(try reader.shortString()) }
        if flags & 0x0010 != 0 { message.properties.other["user_id"] = .string(try reader.shortString()) }
        if flags & 0x0008 != 0 { message.properties.other["app_id"] = .string(try reader.shortString()) }
        if flags & 0x0004 != 0 { message.properties.other["cluster_id"] = .string(try reader.shortString()) }
        return message
    }
}
