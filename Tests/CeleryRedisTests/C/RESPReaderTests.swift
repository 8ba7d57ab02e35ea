import Testing

@testable import CeleryRedis

@Suite struct RESPReaderTests {
    /// What a reader makes of these pieces.
    func read(_ pieces: [[UInt8]]) throws -> [RESPValue] {
        guard var reader = RESPReader() else { throw CancellationError() }
        var values: [RESPValue] = []
        for piece in pieces {
            try piece.withUnsafeBytes { try reader.feed($0) }
            while let value = try reader.next() { values.append(value) }
        }
        return values
    }

    static let text =
        "+OK\r\n-ERR no\r\n:-12\r\n$5\r\nhello\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
        + "*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n+x\r\n$2\r\n\r\n\r\n"

    static let values: [RESPValue] = [
        .status("OK"), .error("ERR no"), .integer(-12), .bulk(Array("hello".utf8)), .bulk([]), .null, .null, .array([]),
        .array([.integer(1), .array([.bulk([97]), .null]), .status("x")]), .bulk([13, 10]),
    ]

    @Test func everyKindOfReplyIsRead() throws {
        #expect(try read([Array(Self.text.utf8)]) == Self.values)
    }

    @Test func repliesArriveByteByByte() throws {
        #expect(try read(Self.text.utf8.map { [$0] }) == Self.values)
    }

    @Test func repliesArriveInAnyPieces() throws {
        let bytes = Array(Self.text.utf8)
        for _ in 0..<200 {
            var pieces: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 0...min(9, rest.count))
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(try read(pieces) == Self.values)
        }
    }

    @Test func smallRepliesAroundALargeOneAreRead() throws {
        let large = [UInt8](repeating: 7, count: 3 << 20)
        let bytes = Array(":1\r\n$\(large.count)\r\n".utf8) + large + Array("\r\n".utf8)
        #expect(try read([bytes]) == [.integer(1), .bulk(large)])
        // What follows is in the same piece, cut in the middle, or comes later.
        for rest in [["+a\r\n"], ["+a", "\r\n"], ["", "+a\r\n"]] {
            let pieces = [bytes + Array(rest[0].utf8)] + rest.dropFirst().map { Array($0.utf8) }
            #expect(try read(pieces) == [.integer(1), .bulk(large), .status("a")])
        }
    }

    @Test func aReplyThatIsCutShortIsNone() throws {
        let bytes = Array("$5\r\nhello\r\n".utf8)
        for count in 0..<bytes.count { #expect(try read([Array(bytes.prefix(count))]).isEmpty) }
    }

    @Test func binaryStringsStayAsTheyAre() throws {
        let binary = (0...255).map { UInt8($0) }
        #expect(try read([Array("$256\r\n".utf8) + binary + [13, 10]]) == [.bulk(binary)])
    }

    @Test(arguments: ["hello\r\n", "$x\r\n", ":12a\r\n", "*1\r\n?\r\n", "$-5\r\n", "*-7\r\n", "\0\0\0\0\r\n"])
    func whatIsNotTheProtocolIsAnError(text: String) {
        #expect(throws: RESPError.self) { try read([Array(text.utf8)]) }
    }

    @Test func deepRepliesAreReadOrRefused() throws {
        let depth = 8
        let text = String(repeating: "*1\r\n", count: depth) + ":1\r\n"
        var value = RESPValue.integer(1)
        for _ in 0..<depth { value = .array([value]) }
        #expect(try read([Array(text.utf8)]) == [value])
        let deep = Array(String(repeating: "*1\r\n", count: 100_000).utf8)
        #expect(throws: RESPError.self) { try read([deep]) }
    }

    @Test func anyBytesAreReadOrRefused() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("+-:$*0123456789\r\n\r\nax_#,(=%~>|\0".utf8)
        var refused = 0
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 1...40)).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
            do { _ = try read([bytes]) } catch { refused += 1 }
        }
        #expect(refused > 0)
    }
}
