internal import CeleryProtocol
internal import CeleryTransport

extension AMQPSession {
    /// How many messages of a queue nobody holds.
    ///
    /// - Throws: ``ServerFault`` when there is no such queue.
    func waiting(in queue: String) throws -> Int { try counts(of: queue).waiting }

    /// How many messages of a queue nobody holds, and how many consumers it has.
    ///
    /// - Throws: ``ServerFault`` when there is no such queue.
    func counts(of queue: String) throws -> (waiting: Int, consumers: Int) {
        var reader = try call(.queueDeclareOK) { writer throws(TransportError) in
            try writer.declare(queue: queue, flags: 0b00001, channel: Self.channel)
        }
        _ = try reader.shortString()
        let waiting = Int(try reader.integer(UInt32.self))
        return (waiting, Int(try reader.integer(UInt32.self)))
    }

    /// Deletes what waits in a queue.
    ///
    /// - Returns: how many messages that were; 0 when there is no such queue.
    func purge(_ queue: String) throws -> Int {
        do {
            var reader = try call(.queuePurgeOK) { writer throws(TransportError) in
                try writer.purge(queue: queue, channel: Self.channel)
            }
            return Int(try reader.integer(UInt32.self))
        } catch let fault as ServerFault where fault.code == 404 {
            return 0
        }
    }

    /// Of what type a queue is. Nothing but the server's refusal of another declaration says so: of all that differs it
    /// names one thing, in no certain order, so that what is known by then is declared with the next question. The type
    /// that is asked for exists nowhere, so that nothing is ever declared, also when the queue goes away meanwhile.
    func type(of queue: String) throws -> QueueType {
        var isDurable = true
        var arguments: JSONObject = ["x-queue-type": "none"]
        // More than there are arguments that the server compares.
        for _ in 0..<30 {
            let fault: ServerFault
            do {
                _ = try call(.queueDeclareOK) { writer throws(TransportError) in
                    try writer.declare(
                        queue: queue, flags: isDurable ? 0b00010 : 0, arguments: arguments, channel: Self.channel)
                }
                return .unknown
            } catch let refusal as ServerFault where refusal.code == 406 {
                fault = refusal
            } catch let refusal as ServerFault where refusal.code == 403 {
                // Who may not declare it is not told.
                return .unknown
            }
            guard let difference = QueueDifference(fault.text) else { return .unknown }
            switch (difference.name, difference.current) {
            case ("auto_delete", _): return .autoDelete
            case ("durable", _) where isDurable: isDurable = false
            case ("x-queue-type", .null), ("x-queue-type", "classic"): return .classic
            case ("x-queue-type", "quorum"): return .quorum
            case ("x-queue-type", "stream"): return .stream
            case ("x-queue-type", _): return .unknown
            case (let name, let current) where name.hasPrefix("x-") && !current.isNull && arguments[name] == nil:
                arguments[name] = current
            default: return .unknown
            }
        }
        return .unknown
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
