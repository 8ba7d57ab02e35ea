import Testing

@testable import CeleryRabbitMQ

@Suite struct FrameBufferTests {
    private func frame(_ payload: [UInt8], type: UInt8 = 3, channel: UInt16 = 1) -> [UInt8] {
        var writer = WireWriter()
        writer.octet(type)
        writer.integer(channel)
        writer.integer(UInt32(payload.count))
        return writer.bytes + payload + [0xCE]
    }

    /// Feeds `bytes` in pieces of `size` and returns the payloads.
    private func payloads(_ bytes: [UInt8], piece size: Int, largest: Int = 200_000) throws -> [[UInt8]] {
        var buffer = FrameBuffer(largestFrame: largest)
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

    @Test func aFrameThatIsTooLargeIsAnErrorBeforeItHasCome() {
        #expect(throws: WireError.self) { try payloads([3, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], piece: 100) }
        #expect(throws: WireError.self) {
            try payloads(frame(Array(repeating: 0, count: 93)), piece: 100, largest: 100)
        }
        #expect(throws: Never.self) { try payloads(frame(Array(repeating: 0, count: 92)), piece: 100, largest: 100) }
    }

    @Test(arguments: [1, 13, 1000])
    func ofAHeaderThatIsTooLargeOnlyTheBeginningIsKept(piece: Int) throws {
        let header = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
        let bytes = frame([1]) + frame(header, type: 2) + frame([2]) + frame(header, type: 2) + frame([3])
        #expect(
            try payloads(bytes, piece: piece, largest: 100) == [
                [1], Array(header.prefix(12)), [2], Array(header.prefix(12)), [3],
            ])
    }

    @Test func theMemoryOfALargeFrameIsGivenBack() throws {
        var buffer = FrameBuffer()
        var most = 0
        for payload in [[UInt8](repeating: 1, count: 8 << 20), [1], [2]] {
            let bytes = frame(payload)
            var offset = 0
            while offset < bytes.count {
                buffer.fill { free in
                    most = max(most, free.count)
                    let count = min(free.count, bytes.count - offset)
                    bytes.withUnsafeBytes { free.copyMemory(from: .init(rebasing: $0[offset..<offset + count])) }
                    offset += count
                    return count
                }
            }
            #expect(try buffer.next()?.payload.remaining == payload.count)
        }
        var last = 0
        buffer.fill { free in
            last = free.count
            return 0
        }
        #expect(last <= 256 * 1024)
        #expect(most <= 256 * 1024, "no more is read at a time because of it")
    }

    @Test func theBufferStaysSmall() throws {
        var buffer = FrameBuffer(largestFrame: 4096)
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
