internal import CeleryTransport

/// Writes AMQP's plain types and frames to the end of a buffer.
struct WireWriter {
    var bytes: [UInt8] = []

    mutating func octet(_ value: UInt8) {
        bytes.append(value)
    }

    mutating func integer(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Text of at most 255 bytes. `field` names it in the error for longer text.
    mutating func shortString(_ text: String, _ field: String) throws(TransportError) {
        let count = text.utf8.count
        guard count <= 255 else {
            throw TransportError(.rejected, "\(field) has \(count) bytes; AMQP allows 255")
        }
        octet(UInt8(truncatingIfNeeded: count))
        bytes.append(contentsOf: text.utf8)
    }

    /// Runs `content` and puts the length of what it wrote, in 32 bits, before it.
    mutating func sized(_ content: (inout WireWriter) throws(TransportError) -> Void) throws(TransportError) {
        let start = bytes.count
        integer(UInt32(0))
        try content(&self)
        let count = bytes.count - start - 4
        guard let size = UInt32(exactly: count) else {
            throw TransportError(.rejected, "a field has \(count) bytes; AMQP allows \(UInt32.max)")
        }
        patch(size, at: start)
    }

    private mutating func patch(_ value: UInt32, at offset: Int) {
        for place in 0..<4 { bytes[offset + place] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(place))) }
    }
}

extension WireWriter {
    enum FrameType: UInt8 {
        case method = 1
        case header = 2
        case body = 3
        case heartbeat = 8
    }

    /// The last byte of every frame.
    static let frameEnd: UInt8 = 0xCE
    /// What a frame adds to its payload.
    static let frameOverhead = 8

    /// One frame around what `payload` writes.
    mutating func frame(
        _ type: FrameType,
        channel: UInt16,
        _ payload: (inout WireWriter) throws(TransportError) -> Void
    ) throws(TransportError) {
        octet(type.rawValue)
        integer(channel)
        try sized(payload)
        octet(Self.frameEnd)
    }

    /// A method with the arguments that `arguments` writes.
    mutating func method(
        _ id: MethodID,
        channel: UInt16,
        _ arguments: (inout WireWriter) throws(TransportError) -> Void
    ) throws(TransportError) {
        try frame(.method, channel: channel) { writer throws(TransportError) in
            writer.integer(id.rawValue)
            try arguments(&writer)
        }
    }

    /// A method without arguments.
    mutating func method(_ id: MethodID, channel: UInt16) {
        octet(FrameType.method.rawValue)
        integer(channel)
        integer(UInt32(4))
        integer(id.rawValue)
        octet(Self.frameEnd)
    }

    /// A method whose only argument is one byte: some flags, or the length of an empty text.
    mutating func method(_ id: MethodID, channel: UInt16, octet value: UInt8) {
        octet(FrameType.method.rawValue)
        integer(channel)
        integer(UInt32(5))
        integer(id.rawValue)
        octet(value)
        octet(Self.frameEnd)
    }

    mutating func heartbeat() {
        bytes.append(contentsOf: [FrameType.heartbeat.rawValue, 0, 0, 0, 0, 0, 0, Self.frameEnd])
    }
}
