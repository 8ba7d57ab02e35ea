/// Puts frames together to methods and to messages whose properties stay bytes.
struct RawAssembler {
    enum Event {
        case method(MethodID, WireReader)
        case message(RawMessage)
        /// One that was published as mandatory and that no queue takes.
        case returned(RawMessage, ServerFault)
    }

    private enum State {
        case idle
        case announced(RawMessage, ServerFault?)
        case receiving(RawMessage, ServerFault?, size: UInt64)
    }

    private var state = State.idle

    /// Takes the next frame; returns what it completes, if anything.
    mutating func accept(_ frame: Frame) throws(WireError) -> Event? {
        var reader = frame.payload
        switch (WireWriter.FrameType(rawValue: frame.type), state) {
        case (.heartbeat, _): return nil
        case (.method, .idle):
            let number = try reader.integer(UInt32.self)
            guard let id = MethodID(rawValue: number) else {
                throw WireError(reason: "the method \(number >> 16).\(number & 0xFFFF) is unknown")
            }
            var message = RawMessage()
            switch id {
            case .basicDeliver:
                _ = try reader.shortString()  // the consumer's tag
                message.deliveryTag = try reader.integer(UInt64.self)
                message.isRedelivered = try reader.octet() & 1 != 0
                message.exchange = try reader.shortString()
                message.routingKey = try reader.shortString()
                state = .announced(message, nil)
            case .basicReturn:
                let code = try reader.integer(UInt16.self)
                let fault = ServerFault(code: code, text: try reader.shortString(), method: .basicPublish)
                message.exchange = try reader.shortString()
                message.routingKey = try reader.shortString()
                state = .announced(message, fault)
            default: return .method(id, reader)
            }
            return nil
        case (.header, .announced(var message, let fault)):
            _ = try reader.integer(UInt32.self)  // class and weight
            let size = try reader.integer(UInt64.self)
            message.properties = Array(try reader.data(reader.remaining))
            return finish(message, fault, size)
        case (.body, .receiving(var message, let fault, let size)):
            state = .idle  // so that the body is not shared while it grows
            message.body.append(contentsOf: try reader.data(reader.remaining))
            guard message.body.count <= size else { throw WireError(reason: "a body is longer than announced") }
            return finish(message, fault, size)
        default: throw WireError(reason: "a frame comes where none of its type belongs")
        }
    }

    private mutating func finish(_ message: RawMessage, _ fault: ServerFault?, _ size: UInt64) -> Event? {
        guard message.body.count == size else {
            state = .receiving(message, fault, size: size)
            return nil
        }
        state = .idle
        return fault.map { .returned(message, $0) } ?? .message(message)
    }
}
