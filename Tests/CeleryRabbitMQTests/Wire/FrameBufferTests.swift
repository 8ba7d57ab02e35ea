import Testing

@testable import CeleryRabbitMQ

@Suite struct FrameBufferTests {
    private func frame(_ payload: [UInt8], channel: UInt16 = 1) -> [UInt8] {
        var writer = WireWriter()
        writer.octet(3)
        writer.integer(channel)
        writer.integer(UInt32(payload.count))
        return writer.bytes + payload + [0xCE]
    }

    /// Feeds `bytes` in pieces of `size` and returns the payloads.
    private func payloads(_ bytes: [UInt8], piece size: Int, frameMax: Int = 200_000) throws -> [[UInt8]] {
        var buffer = FrameBuffer(frameMax: frameMax)
        var payloads: [[UInt8]] = []
        var offset = 0
        while offset < bytes.count {
            buffer.fill { free in
                let count = min(size, free.count, bytes.count - offset)
                free.copyBytes(from: bytes[offset..<offset + count])
                offset += count
                return count
            }
            while var frame = try buffer.next() {
                payloads.append(Array(try frame.payload.data(frame.payload.remaining)))
            }
        }
        return payloads
    }

    @Test(arguments: [1, 2, 7, 1000, 1_000_000])
    func framesComeOutHoweverTheBytesCome(piece: Int) throws {
        let expected: [[UInt8]] = [
            [], [1], Array(repeating: 2, count: 100), Array(repeating: 3, count: 150_000), [], [4],
        ]
        let stream = expected.flatMap { frame($0) }
        #expect(try payloads(stream, piece: piece) == expected)
    }

    @Test func aFrameThatDoesNotEndRightIsAnError() {
        var bytes = frame([1, 2, 3])
        bytes[bytes.count - 1] = 0
        #expect(throws: WireError.self) { try payloads(bytes, piece: 100) }
    }

    @Test func aFrameLargerThanAgreedOnIsAnErrorBeforeItHasCome() {
        #expect(throws: WireError.self) { try payloads([3, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], piece: 100) }
        #expect(throws: WireError.self) {
            try payloads(frame(Array(repeating: 0, count: 93)), piece: 100, frameMax: 100)
        }
        #expect(throws: Never.self) { try payloads(frame(Array(repeating: 0, count: 92)), piece: 100, frameMax: 100) }
    }

    @Test func theBufferStaysSmall() throws {
        var buffer = FrameBuffer(frameMax: 4096)
        let bytes = frame(Array(repeating: 7, count: 1000))
        var most = 0
        for _ in 0..<2000 {
            buffer.fill { free in
                most = max(most, free.count)
                free.copyBytes(from: bytes.dropLast(3))
                return bytes.count - 3
            }
            #expect(try buffer.next().map(\.type) == nil)
            buffer.fill { free in
                free.copyBytes(from: bytes.suffix(3))
                return 3
            }
            #expect(try buffer.next().map(\.type) == 3)
        }
        #expect(most <= 256 * 1024)
    }
}
