import CeleryProtocol
import Testing

/// Results that Celery 5.7 stores with `result_compression`.
@Suite struct CompressedResultTests {
    /// What Celery stored with `gzip` for a task that returned 5.
    static let captured = """
        0063656c6572792d636f6d70726573736564006170706c69636174696f6e2f782d677a697000789cab562a2e492c292d56b2\
        52500a0e7576760d0e56d251502a4a2d2ecd29010a9a0239254589c9a94989c9d9407e5e694e0e502839233327a528350f28\
        121d0be4a72496a4c6a7e4e7a5229494241667c767a6800c2ec948d505b26a013f192216
        """

    static func bytes(_ hexadecimal: String) throws -> [UInt8] {
        let digits = try hexadecimal.map { try #require($0.hexDigitValue) }
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    static func marked(_ type: String, _ body: [UInt8]) -> [UInt8] {
        Array("\0celery-compressed\0\(type)\0".utf8) + body
    }

    @Test func aCompressedResultIsRead() throws {
        let result = try TaskResult(encoded: Self.bytes(Self.captured))
        #expect(result.id == "the-id")
        #expect(result.state == .success)
        #expect(result.result == 5)
    }

    @Test(arguments: [
        marked("application/x-bz2", [1, 2]), marked("a\nb", []), marked("application/x-gzip", []),
        marked("application/x-gzip", Array("{}".utf8)), Array("\0celery-compressed\0".utf8),
        Array("\0celery-compressed\0application/x-gzip".utf8),
    ])
    func anotherCompressionOrADamagedOneIsAnErrorOfOneLine(stored: [UInt8]) {
        let error = #expect(throws: MessageError.self) { try TaskResult(encoded: stored) }
        #expect(error?.code == .undecodable)
        #expect(error?.reason.contains("\n") == false)
    }
}
