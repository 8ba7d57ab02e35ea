/// Puts frames together to methods and to messages whose properties stay bytes.
struct RawAssembler {
    enum Event {
        case method(MethodID, WireReader)
        case message(RawMessage)
    }

    private enum State {
        case idle
        case announced(RawMessage)
        case receiving(RawMessage, size: UInt64)
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
            guard id == .basicDeliver else { return .method(id, reader) }
            var message = RawMessage()
            _ = try reader.shortString()  // the consumer's tag
            _ = try reader.integer(UInt64.self)
            message.isRedelivered = try reader.octet() & 1 != 0
            message.exchange = try reader.shortString()
            message.routingKey = try reader.shortString()
            state = .announced(message)
            return nil
        case (.header, .announced(var message)):
            _ = try reader.integer(UInt32.self)  // class and weight
            let size = try reader.integer(UInt64.self)
            message.properties = Array(try reader.data(reader.remaining))
            return finish(message, size)
        case (.body, .receiving(var message, let size)):
            state = .idle  // so that the body is not shared while it grows
            message.body.append(contentsOf: try reader.data(reader.remaining))
            guard message.body.count <= size else { throw WireError(reason: "a body is longer than announced") }
            return finish(message, size)
        default: throw WireError(reason: "a frame comes where none of its type belongs")
        }
    }

    private mutating func finish(_ message: RawMessage, _ size: UInt64) -> Event? {
        let isComplete = message.body.count == size
        state = isComplete ? .idle : .receiving(message, size: size)
        return isComplete ? .message(message) : nil
    }
}
