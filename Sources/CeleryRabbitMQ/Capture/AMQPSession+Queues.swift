internal import CeleryProtocol
internal import CeleryTransport

extension AMQPSession {
    /// How many messages of a queue nobody holds.
    ///
    /// - Throws: ``ServerFault`` when there is no such queue.
    func waiting(in queue: String) throws -> Int {
        var reader = try call(.queueDeclareOK) { writer throws(TransportError) in
            try writer.declare(queue: queue, flags: 0b00001, channel: Self.channel)
        }
        _ = try reader.shortString()
        return Int(try reader.integer(UInt32.self))
    }

    /// What kind of queue one is. Nothing but the server's refusal of another declaration says so.
    func nature(of queue: String) throws -> QueueNature {
        for durable: UInt8 in [0b00010, 0] {
            do {
                _ = try call(.queueDeclareOK) { writer throws(TransportError) in
                    try writer.declare(
                        queue: queue, flags: durable, arguments: ["x-queue-type": "classic"], channel: Self.channel)
                }
                return .classic
            } catch let fault as ServerFault where fault.code == 406 {
                if fault.text.contains("'auto_delete'") { return .autoDelete }
                if fault.text.contains("'x-queue-type'") { return .other }
                // Another argument of a classic queue: the type is compared first.
                guard fault.text.contains("'durable'") else { return .classic }
            } catch let fault as ServerFault where fault.code == 403 {
                // Who may not declare it is not told.
                return .other
            }
        }
        return .other
    }

    /// Copies of all that an exchange gets with a key go to a queue of this connection alone.
    func tap(exchange: String, key: String) throws {
        var reader = try call(.queueDeclareOK) { writer throws(TransportError) in
            try writer.declare(queue: "", flags: 0b01100, channel: Self.channel)
        }
        let queue = try reader.shortString()
        _ = try call(.queueBindOK) { writer throws(TransportError) in
            try writer.bind(queue: queue, exchange: exchange, routingKey: key, channel: Self.channel)
        }
        try consume(queue, flags: 0b0010, arguments: [:])
    }

    /// So many messages are delivered at most; 0 for no limit.
    func limit(to count: UInt16) throws {
        _ = try call(.basicQosOK) { $0.qos(prefetch: count, isGlobal: false, channel: Self.channel) }
    }

    /// Begins to consume.
    ///
    /// - Parameter flags: 2 for messages that need no acknowledgement.
    func consume(_ queue: String, flags: UInt8, arguments: JSONObject) throws {
        _ = try call(.basicConsumeOK) { writer throws(TransportError) in
            try writer.consume(
                queue: queue, tag: "celery-swift capture", flags: flags, arguments: arguments, channel: Self.channel)
        }
    }
}
