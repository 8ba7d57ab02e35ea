import CeleryProtocol
import Testing

@Suite("zlib streams")
struct ZlibTests {
    @Test("Compressed bytes start as Python's do and come back", arguments: [0, 1, 1000, 300_000])
    func roundTrips(_ count: Int) throws {
        var generator = JSONGenerator(seed: 1)
        let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next() & 0x0F) }
        let compressed = try Zlib.compress(bytes)
        #expect(compressed.starts(with: [0x78, 0x9C]))
        #expect(try Zlib.decompress(compressed) == bytes)
        #expect(try Zlib.decompress(([0] + compressed)[1...]) == bytes)
    }

    @Test("What Python's zlib.compress made is read")
    func fromPython() throws {
        let stream: [UInt8] = [120, 156, 203, 72, 205, 201, 201, 7, 0, 6, 44, 2, 21]
        #expect(try Zlib.decompress(stream) == Array("hello".utf8))
    }

    @Test("What follows the stream is ignored, as in Python")
    func trailingBytes() throws {
        #expect(try Zlib.decompress(Zlib.compress([1, 2, 3]) + [9, 9]) == [1, 2, 3])
    }

    @Test("Every truncated stream is an error")
    func truncated() throws {
        let stream = try Zlib.compress(Array("some text, some more text".utf8))
        for length in 0..<stream.count {
            #expect(throws: Zlib.Failure.self) { try Zlib.decompress(stream[..<length]) }
        }
    }

    @Test("Damaged streams, gzip files and plain text are errors")
    func damaged() throws {
        var stream = try Zlib.compress(Array("some text, some more text".utf8))
        stream[stream.count - 1] ^= 1
        #expect(throws: Zlib.Failure.self) { try Zlib.decompress(stream) }
        #expect(throws: Zlib.Failure.self) { try Zlib.decompress([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0]) }
        #expect(throws: Zlib.Failure.self) { try Zlib.decompress(Array("[[], {}, {}]".utf8)) }
    }

    @Test("A stream that yields more than the limit is refused, one that yields just the limit is not")
    func limit() throws {
        let bytes = [UInt8](repeating: 0, count: 1_000_000)
        let bomb = try Zlib.compress(bytes)
        #expect(bomb.count < 2000)
        #expect(try Zlib.decompress(bomb, limit: 1_000_000) == bytes)
        #expect(throws: Zlib.Failure.self) { try Zlib.decompress(bomb, limit: 999_999) }
        #expect(throws: Zlib.Failure.self) { try Zlib.decompress(bomb, limit: 0) }
    }
}
