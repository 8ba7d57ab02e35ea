import CeleryProtocol
import Testing

@Suite("Reading JSON")
struct JSONReadingTests {
    @Test(
        "Each kind of value is read as Python reads it",
        arguments: [
            ("null", .null), ("true", .bool(true)), (" false\r\n\t", .bool(false)),
            ("0", 0), ("-0", 0), ("42", 42), ("-7", -7),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .bigInteger("9223372036854775808")),
            ("-9223372036854775809", .bigInteger("-9223372036854775809")),
            ("1.0", 1.0), ("1e2", 100.0), ("1E-2", 0.01), ("-2.5e+3", -2500.0), ("0.1", 0.1),
            ("1e400", .double(.infinity)), ("1e-400", 0.0), ("123456789012345678.0", 123456789012345680.0),
            ("9007199254740993.0", 9007199254740992.0), ("1e99999999999999999999", .double(.infinity)),
            ("Infinity", .double(.infinity)), ("-Infinity", .double(-.infinity)),
            (#""""#, ""), (#""abc""#, "abc"), (#""a\n\t\r\b\f\/\\\"z""#, "a\n\t\r\u{8}\u{C}/\\\"z"),
            (#""\u00e9\uD83D\ude00""#, "é😀"), (#""é😀""#, "é😀"), (#""\ud800""#, .surrogateString([0xD800])),
            (#""a\udc00é""#, .surrogateString([0x61, 0xDC00, 0xE9])),
            (#""\ud800\ud83d\ude00""#, .surrogateString([0xD800, 0xD83D, 0xDE00])),
            ("[]", []), ("[ ]", []), ("[1, [2], {}]", [1, [2], [:]]), ("{ }", [:]),
            (#"{"a": 1, "b": {"c": null}}"#, ["a": 1, "b": ["c": nil]]),
        ] as [(String, JSONValue)]
    )
    func kinds(_ text: String, _ expected: JSONValue) throws {
        #expect(try JSONValue(json: text) == expected)
    }

    @Test("NaN is a float")
    func notANumber() throws {
        #expect(try JSONValue(json: "NaN").doubleValue?.isNaN == true)
    }

    @Test("The sign of a zero float is kept")
    func negativeZero() throws {
        #expect(try JSONValue(json: "-0.0").doubleValue?.sign == .minus)
    }

    @Test(
        "What Python refuses is refused, with the place",
        arguments: [
            ("", 0), (" ", 1), ("[1,]", 3), (#"{"a":1,}"#, 7), ("{a:1}", 1), (#"{"a" 1}"#, 5), ("[1 2]", 3),
            ("01", 1), ("1.", 1), (".5", 0), ("+1", 0), ("-", 1), ("1e", 1), ("nul", 0), ("True", 0), ("'a'", 0),
            (#""abc"#, 0), (#""\x""#, 1), (#""\u12g4""#, 1), ("\"a\u{1}\"", 2), ("\"\t\"", 1), ("1 2", 2),
            ("\u{FEFF}1", 0), ("[", 1), ("{", 1), ("]", 0), ("[}", 1), ("\u{A0}1", 0), ("1\u{0}", 1),
        ]
    )
    func refused(_ text: String, _ offset: Int) {
        #expect {
            try JSONValue(json: text)
        } throws: { error in
            (error as? JSONError)?.offset == offset
        }
    }

    @Test(
        "Invalid UTF-8 is refused wherever it stands",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC3], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x82],
            [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFF],
        ] as [[UInt8]]
    )
    func invalidUTF8(_ bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(throws: JSONError.self) { try JSONValue(json: [quote] + bytes + [quote]) }
        #expect(throws: JSONError.self) { try JSONValue(json: [quote] + bytes) }
        #expect(throws: JSONError.self) { try JSONValue(json: bytes) }
    }

    @Test("Integers of up to 4300 digits are read, longer ones are refused, as in Python")
    func digitLimit() throws {
        let longest = String(repeating: "1", count: 4300)
        #expect(try JSONValue(json: longest) == .bigInteger(longest))
        #expect(try JSONValue(json: "-" + longest) == .bigInteger("-" + longest))
        #expect(throws: JSONError.self) { try JSONValue(json: longest + "1") }
        #expect(try JSONValue(json: longest + "1.0") == .double(.infinity))
    }

    @Test("Slices and other collections of bytes are read without regard to where they start")
    func slices() throws {
        let bytes = Array("xx[1]yy".utf8)
        #expect(try JSONValue(json: bytes[2..<5]) == [1])
        #expect(try JSONValue(json: bytes.lazy.filter { $0 != UInt8(ascii: "x") && $0 != UInt8(ascii: "y") }) == [1])
    }

    @Test("Every prefix of a document is refused and none crashes")
    func prefixes() throws {
        let document = Array(#"{"a\u00e9é": [1.5e3, "\ud83d\ude00é", true, null, -12], "b": {"c": [[]]}}"#.utf8)
        _ = try JSONValue(json: document)
        for length in 0..<document.count {
            #expect(throws: JSONError.self) { try JSONValue(json: document[..<length]) }
        }
    }
}

@Suite("Reading JSON objects")
struct JSONObjectReadingTests {
    @Test("Keys keep their order; of a key that stands twice the last value counts at the first place")
    func order() throws {
        let value = try JSONValue(json: #"{"z": 1, "a": 2, "\u007a": 3, "m": 4, "a": 5}"#)
        #expect(value.description == #"{"z": 3, "a": 5, "m": 4}"#)
    }

    @Test("Keys that only look alike are different keys")
    func canonicalEquivalents() throws {
        let text = #"{"\u00e9": 1, "e\u0301": 2, "\u212b": 3, "\u00c5": 4}"#
        let value = try JSONValue(json: text)
        #expect(value.description == text)
        #expect(value.objectValue?["\u{E9}"] == 1)
        #expect(value.objectValue?["e\u{301}"] == 2)
    }

    @Test(
        "Keys with lone surrogates, and keys that look like their spelling, come back as they were",
        arguments: [
            #"{"\ud800": 1, "\udfff": 2, "a\udc00b": 3}"#, #"{"\udbff\udfff": 1, "\udbff\udfff\udbff\udfff": 2}"#,
            #"{"\udbff\udfff\udbf6\udc00": 1, "\ud800": 2}"#, #"{"\udbff\udfff\ud800": 1}"#,
            #"{"\ud800\ud83d\ude00": 1}"#, #"{"\udbf6\udc00": 1}"#,
        ]
    )
    func surrogateKeys(_ text: String) throws {
        #expect(try JSONValue(json: text).description == text)
    }

    @Test(
        "A hundred thousand keys, each twice, take no quadratic time to read, compare and hash",
        .timeLimit(.minutes(1))
    )
    func manyKeys() throws {
        let members = (0..<100_000).map { "\"key\($0)\": \($0)" }
        let value = try JSONValue(json: "{" + (members + members).joined(separator: ", ") + "}")
        let reversed = try JSONValue(json: "{" + members.reversed().joined(separator: ", ") + "}")
        #expect(value.objectValue?.count == 100_000)
        #expect(value.objectValue?["key99999"] == 99_999)
        #expect(value == reversed)
        #expect(value.hashValue == reversed.hashValue)
    }
}
