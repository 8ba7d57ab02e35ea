import CeleryProtocol
import CeleryTransport

@testable import CeleryRabbitMQ

/// Frames as a server writes them.
enum ServerFrames {
    static func method(_ id: MethodID, channel: UInt16 = 1, _ arguments: (inout WireWriter) -> Void = { _ in })
        -> [UInt8]
    {
        var content = WireWriter()
        content.integer(id.rawValue)
        arguments(&content)
        return frame(1, channel: channel, content.bytes)
    }

    static func frame(_ type: UInt8, channel: UInt16 = 1, _ payload: [UInt8]) -> [UInt8] {
        var writer = WireWriter()
        writer.octet(type)
        writer.integer(channel)
        writer.integer(UInt32(payload.count))
        return writer.bytes + payload + [0xCE]
    }

    static func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }

    static func deliver(
        _ tag: UInt64,
        consumer: String = "test-1",
        redelivered: Bool = false,
        exchange: String = "",
        key: String = "q"
    ) -> [UInt8] {
        method(.basicDeliver) { writer in
            writer.bytes += text(consumer)
            writer.integer(tag)
            writer.octet(redelivered ? 1 : 0)
            writer.bytes += text(exchange) + text(key)
        }
    }

    static func header(size: UInt64, properties: [UInt8] = [0, 0]) -> [UInt8] {
        var writer = WireWriter()
        writer.integer(UInt32(60) << 16)
        writer.integer(size)
        return frame(2, writer.bytes + properties)
    }

    static func body(_ bytes: [UInt8]) -> [UInt8] { frame(3, bytes) }

    /// A whole delivery of a body and nothing else.
    static func delivery(_ tag: UInt64, _ body: String = "x", consumer: String = "test-1") -> [UInt8] {
        deliver(tag, consumer: consumer) + header(size: UInt64(body.utf8.count))
            + (body.isEmpty ? [] : self.body(Array(body.utf8)))
    }

    /// Deliveries with these tags, made from one: as many as fill all that lies between a server and a receiver.
    static func deliveries(_ tags: Range<UInt64>) -> [UInt8] {
        let one = delivery(0)
        // After the frame's header, the method and the consumer's tag.
        let place = 7 + 4 + text("test-1").count
        var bytes: [UInt8] = []
        for tag in tags {
            let start = bytes.count + place
            bytes += one
            for index in 0..<8 { bytes[start + index] = UInt8(truncatingIfNeeded: tag >> (56 - 8 * index)) }
        }
        return bytes
    }

    static func confirm(_ tag: UInt64, multiple: Bool = false, isPositive: Bool = true) -> [UInt8] {
        method(isPositive ? .basicAck : .basicNack) { writer in
            writer.integer(tag)
            writer.octet(multiple ? 1 : 0)
        }
    }

    /// A message that no queue takes.
    static func returned(exchange: String = "", key: String, _ body: String) -> [UInt8] {
        method(.basicReturn) { writer in
            writer.integer(UInt16(312))
            writer.bytes += text("NO_ROUTE") + text(exchange) + text(key)
        } + header(size: UInt64(body.utf8.count)) + self.body(Array(body.utf8))
    }

    static func close(_ id: MethodID, channel: UInt16, code: UInt16, _ text: String, over method: MethodID?) -> [UInt8]
    {
        self.method(id, channel: channel) { writer in
            writer.integer(code)
            writer.bytes += self.text(text)
            writer.integer(method?.rawValue ?? 0)
        }
    }

    /// What the frames in `bytes` mean.
    static func events(_ bytes: [UInt8], piece size: Int = .max) throws -> [ServerEvent] {
        var buffer = FrameBuffer()
        var assembler = DeliveryAssembler()
        var events: [ServerEvent] = []
        var offset = 0
        while offset < bytes.count {
            buffer.fill { free in
                let count = min(size, free.count, bytes.count - offset)
                free.copyBytes(from: bytes[offset..<offset + count])
                offset += count
                return count
            }
            while let frame = try buffer.next() {
                if let event = try assembler.accept(frame) { events.append(event) }
            }
        }
        return events
    }
}
