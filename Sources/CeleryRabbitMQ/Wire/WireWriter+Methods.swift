internal import CeleryProtocol
internal import CeleryTransport

// The methods that are sent seldom: declarations and the steering of channels and consumers.
extension WireWriter {
    mutating func channelOpen(_ channel: UInt16) {
        method(.channelOpen, channel: channel, octet: 0)
    }

    mutating func confirmSelect(_ channel: UInt16) {
        method(.confirmSelect, channel: channel, octet: 0)
    }

    mutating func connectionClose() throws(TransportError) {
        try method(.connectionClose, channel: 0) { writer throws(TransportError) in
            writer.integer(UInt16(200))
            try writer.shortString("goodbye", "the reason")
            writer.integer(UInt32(0))
        }
    }

    mutating func declareExchange(of queue: Queue, channel: UInt16) throws(TransportError) {
        try method(.exchangeDeclare, channel: channel) { writer throws(TransportError) in
            writer.integer(UInt16(0))
            try writer.shortString(queue.exchange, "the exchange's name")
            try writer.shortString(queue.exchangeType.rawValue, "the exchange's type")
            writer.octet(queue.isExchangeDurable ? 0b00010 : 0)
            try writer.table([:])
        }
    }

    /// `isPassive`: whether it is only asked for, whatever it was declared with.
    mutating func declare(_ queue: Queue, isPassive: Bool, channel: UInt16) throws(TransportError) {
        try declare(
            queue: queue.name,
            flags: (isPassive ? 0b00001 : 0) | (queue.isDurable ? 0b00010 : 0) | (queue.isExclusive ? 0b00100 : 0)
                | (queue.isAutoDelete ? 0b01000 : 0),
            arguments: queue.declarationArguments, channel: channel)
    }

    /// `flags`: 1 passive, 2 durable, 4 exclusive, 8 deleted with its last consumer.
    mutating func declare(
        queue: String, flags: UInt8, arguments: JSONObject = [:], channel: UInt16
    ) throws(TransportError) {
        try method(.queueDeclare, channel: channel) { writer throws(TransportError) in
            writer.integer(UInt16(0))
            try writer.shortString(queue, "the queue's name")
            writer.octet(flags)
            try writer.table(arguments)
        }
    }

    mutating func bind(_ queue: Queue, channel: UInt16) throws(TransportError) {
        try bind(queue: queue.name, exchange: queue.exchange, routingKey: queue.routingKey, channel: channel)
    }

    mutating func bind(queue: String, exchange: String, routingKey: String, channel: UInt16) throws(TransportError) {
        try method(.queueBind, channel: channel) { writer throws(TransportError) in
            writer.integer(UInt16(0))
            try writer.shortString(queue, "the queue's name")
            try writer.shortString(exchange, "the exchange's name")
            try writer.shortString(routingKey, "the routing key")
            writer.octet(0)
            try writer.table([:])
        }
    }

    /// `isGlobal`: whether the limit is for the channel as a whole and at once, not for each later consumer.
    mutating func qos(prefetch: UInt16, isGlobal: Bool, channel: UInt16) {
        octet(FrameType.method.rawValue)
        integer(channel)
        integer(UInt32(11))
        integer(MethodID.basicQos.rawValue)
        integer(UInt32(0))
        integer(prefetch)
        octet(isGlobal ? 1 : 0)
        octet(Self.frameEnd)
    }

    /// `flags`: 2 for messages that need no acknowledgement.
    mutating func consume(
        queue: String, tag: String, flags: UInt8 = 0, arguments: JSONObject = [:], channel: UInt16
    ) throws(TransportError) {
        try method(.basicConsume, channel: channel) { writer throws(TransportError) in
            writer.integer(UInt16(0))
            try writer.shortString(queue, "the queue's name")
            try writer.shortString(tag, "the consumer's tag")
            writer.octet(flags)
            try writer.table(arguments)
        }
    }

    /// Deletes a queue, whatever is in it, without an answer.
    mutating func delete(queue: String, channel: UInt16) throws(TransportError) {
        try method(.queueDelete, channel: channel) { writer throws(TransportError) in
            writer.integer(UInt16(0))
            try writer.shortString(queue, "the queue's name")
            writer.octet(0b100)
        }
    }

    /// Deletes what waits in a queue.
    mutating func purge(queue: String, channel: UInt16) throws(TransportError) {
        try method(.queuePurge, channel: channel) { writer throws(TransportError) in
            writer.integer(UInt16(0))
            try writer.shortString(queue, "the queue's name")
            writer.octet(0)
        }
    }

    mutating func cancel(tag: String, channel: UInt16) throws(TransportError) {
        try method(.basicCancel, channel: channel) { writer throws(TransportError) in
            try writer.shortString(tag, "the consumer's tag")
            writer.octet(0)
        }
    }
}

// The settlements, sent for every message and therefore written without closures.
extension WireWriter {
    mutating func acknowledge(_ tag: UInt64, multiple: Bool, channel: UInt16) {
        settlement(.basicAck, tag, flag: multiple, channel: channel)
    }

    mutating func reject(_ tag: UInt64, requeue: Bool, channel: UInt16) {
        settlement(.basicReject, tag, flag: requeue, channel: channel)
    }

    private mutating func settlement(_ id: MethodID, _ tag: UInt64, flag: Bool, channel: UInt16) {
        octet(FrameType.method.rawValue)
        integer(channel)
        integer(UInt32(13))
        integer(id.rawValue)
        integer(tag)
        octet(flag ? 1 : 0)
        octet(Self.frameEnd)
    }
}

extension Queue {
    /// All arguments of the queue, as kombu writes them.
    var declarationArguments: JSONObject {
        var declared: JSONObject = [:]
        if let expires {
            declared["x-expires"] = .integer(expires.inMilliseconds)
        }
        if let maxPriority { declared["x-max-priority"] = .integer(maxPriority) }
        if kind == .quorum { declared["x-queue-type"] = "quorum" }
        for (name, value) in arguments { declared[name] = value }
        return declared
    }
}
