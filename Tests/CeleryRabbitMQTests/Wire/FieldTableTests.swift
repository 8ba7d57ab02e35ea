import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct FieldTableTests {
    private func written(_ table: JSONObject) throws -> [UInt8] {
        var writer = WireWriter()
        try writer.table(table)
        return writer.bytes
    }

    private func read(_ content: [UInt8]) throws -> JSONObject {
        var writer = WireWriter()
        writer.integer(UInt32(content.count))
        var reader = WireReader(writer.bytes + content)
        return try reader.table()
    }

    /// What py-amqp 5.4 writes for each value: `serialization.dumps("F", [{"k": value}])` without the lengths and key.
    @Test(
        arguments: [
            (JSONValue.null, Array("V".utf8)),
            (true, [0x74, 1]),
            (false, [0x74, 0]),
            (0, [0x49, 0, 0, 0, 0]),
            (-1, [0x49, 0xFF, 0xFF, 0xFF, 0xFF]),
            (2_147_483_647, [0x49, 0x7F, 0xFF, 0xFF, 0xFF]),
            (2_147_483_648, [0x4C, 0, 0, 0, 0, 0x80, 0, 0, 0]),
            (-2_147_483_647, [0x49, 0x80, 0, 0, 1]),
            (-2_147_483_648, [0x4C, 0xFF, 0xFF, 0xFF, 0xFF, 0x80, 0, 0, 0]),
            (1.5, [0x64, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0]),
            ("é", [0x53, 0, 0, 0, 2, 0xC3, 0xA9]),
            (
                .surrogateString([0x61, 0xD800, 0xD83D, 0xDE00]),
                [0x53, 0, 0, 0, 8, 0x61, 0xED, 0xA0, 0x80, 0xF0, 0x9F, 0x98, 0x80]
            ),
            ([nil, 1], [0x41, 0, 0, 0, 6, 0x56, 0x49, 0, 0, 0, 1]),
            ([:], [0x46, 0, 0, 0, 0]),
            (["a": nil], [0x46, 0, 0, 0, 3, 1, 0x61, 0x56]),
        ] as [(JSONValue, [UInt8])]
    )
    func valuesAreTypedAsPythonTypesThem(value: JSONValue, expected: [UInt8]) throws {
        let bytes = try written(["k": value])
        #expect(bytes == [0, 0, 0, UInt8(expected.count + 2), 1, 0x6B] + expected)
    }

    @Test(arguments: [
        JSONValue.bigInteger("18446744073709551616"), ["a": [.bigInteger("-18446744073709551616")]],
    ])
    func integersBeyond64BitsAreRefused(value: JSONValue) {
        #expect {
            try written(["answer": value])
        } throws: {
            ($0 as? TransportError)?.code == .rejected && "\($0)".contains("64 bits")
        }
    }

    @Test func aNameOf256BytesIsRefused() {
        #expect(throws: TransportError.self) { try written([String(repeating: "é", count: 128): nil]) }
    }

    @Test func everyTypeOfFieldIsRead() throws {
        let fields: [(String, [UInt8], JSONValue)] = [
            ("void", [0x56], nil), ("true", [0x74, 1], true), ("int8", [0x62, 0xFF], -1),
            ("uint8", [0x42, 0xFF], 255), ("int16", [0x73, 0xFF, 0xFE], -2), ("also int16", [0x55, 0xFF, 0xFE], -2),
            ("uint16", [0x75, 0xFF, 0xFE], 65_534), ("int32", [0x49, 0xFF, 0xFF, 0xFF, 0xFD], -3),
            ("uint32", [0x69, 0xFF, 0xFF, 0xFF, 0xFD], 4_294_967_293),
            ("int64", [0x6C] + Array(repeating: 0xFF, count: 8), -1),
            ("also int64", [0x4C] + Array(repeating: 0xFF, count: 8), -1),
            ("float", [0x66, 0x3F, 0xC0, 0, 0], 1.5), ("double", [0x64, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0], 1.5),
            ("text", [0x53, 0, 0, 0, 2, 0xC3, 0xA9], "é"),
            ("not UTF-8", [0x53, 0, 0, 0, 2, 0xFF, 0xFE], ["__type__": "base64", "__value__": "//4="]),
            ("bytes", [0x78, 0, 0, 0, 3, 0x61, 0x62, 0x63], ["__type__": "bytes", "__value__": "abc"]),
            ("other bytes", [0x78, 0, 0, 0, 1, 0xFF], ["__type__": "base64", "__value__": "/w=="]),
            (
                "time", [0x54, 0, 0, 0, 0, 0x5E, 0x0B, 0xE8, 0xFF],
                ["__type__": "datetime", "__value__": "2020-01-01T00:34:07"]
            ),
            ("far time", [0x54, 0, 0, 0, 0x3A, 0xFF, 0xF4, 0x41, 0x80], 253_402_300_800),
            ("farthest time", [0x54] + Array(repeating: 0xFF, count: 8), .bigInteger("18446744073709551615")),
            ("decimal", [0x44, 2, 0, 0, 0, 0x96], ["__type__": "decimal", "__value__": "1.50"]),
            ("small decimal", [0x44, 3, 0xFF, 0xFF, 0xFF, 0xFF], ["__type__": "decimal", "__value__": "-0.001"]),
            ("array", [0x41, 0, 0, 0, 3, 0x56, 0x74, 0], [nil, false]),
            ("table", [0x46, 0, 0, 0, 3, 1, 0x61, 0x56], ["a": nil]),
        ]
        var content: [UInt8] = []
        for (name, bytes, _) in fields { content += [UInt8(name.utf8.count)] + Array(name.utf8) + bytes }
        let table = try read(content)
        #expect(table.count == fields.count)
        for (name, _, value) in fields { #expect(table[name] == value, "\(name)") }
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let table: JSONObject = [
            "task": "tasks.add", "timelimit": [nil, 20.5], "n": ["a": [1, nil, 1_099_511_627_776, 1.5, true]],
            "": "", "min": .integer(.min), "max": .integer(.max),
        ]
        var reader = WireReader(try written(table))
        #expect(try reader.table() == table)
        #expect(reader.isAtEnd)
    }

    /// RabbitMQ closes the connection over a float that is no number.
    @Test(
        arguments: [
            .double(.nan), .double(.infinity), .double(-.infinity), .bigInteger("18446744073709551615"),
            ["deep": [1, ["deeper": .double(.nan)]]], [[.double(.infinity)]],
        ] as [JSONValue])
    func whatRabbitMQDoesNotTakeIsRefusedByName(value: JSONValue) {
        let error = #expect(throws: TransportError.self) { try written(["fine": 1.5, "time\nlimit": value]) }
        #expect(error?.code == .rejected)
        let names = ["'time\\nlimit'", "deeper"]
        #expect(names.contains { error?.message.contains("the header \($0) holds ") == true })
        #expect(error?.message.contains("\n") == false)
    }

    @Test func theLastOfSeveralEqualNamesCounts() throws {
        #expect(try read([1, 0x61, 0x74, 0, 1, 0x61, 0x74, 1]) == ["a": true])
    }

    @Test(
        arguments: [
            [1, 0x61], [1, 0x61, 0x7A], [5, 0x61], [1, 0x61, 0x53, 0, 0, 0, 9, 0x61],
            [1, 0x61, 0x46, 0xFF, 0xFF, 0xFF, 0xFF],
            [1, 0x61, 0x41, 0, 0, 0, 1, 0x49],
        ] as [[UInt8]]
    )
    func brokenTablesAreErrors(content: [UInt8]) {
        #expect(throws: WireError.self) { try read(content) }
    }

    @Test(arguments: [0x46, 0x41] as [UInt8])
    func nestingIsLimited(letter: UInt8) {
        // As deep as a frame of 128 KiB has room for.
        var content: [UInt8] = []
        for _ in 0..<18_000 {
            var outer = WireWriter()
            outer.bytes = letter == 0x46 ? [1, 0x61, letter] : [letter]
            outer.integer(UInt32(content.count))
            content = outer.bytes + content
        }
        if letter == 0x41 { content = [1, 0x61] + content }
        #expect {
            try read(content)
        } throws: {
            ($0 as? WireError)?.reason.contains("nested") == true
        }
        var value: JSONValue = nil
        for _ in 0..<200 { value = letter == 0x46 ? ["a": value] : [value] }
        #expect(throws: TransportError.self) { try written(["a": value]) }
    }

    @Test func randomBytesNeverTrap() {
        var random = SystemRandomNumberGenerator()
        var read = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0..<60, using: &random)
            let content = (0..<count).map { _ in
                Bool.random(using: &random)
                    ? Array("SVItAFlLdTxbBsUuifD".utf8).randomElement(using: &random) ?? 0
                    : UInt8.random(in: 0...8, using: &random)
            }
            if (try? self.read(content)) != nil { read += 1 }
        }
        #expect(read > 0)
    }
}
