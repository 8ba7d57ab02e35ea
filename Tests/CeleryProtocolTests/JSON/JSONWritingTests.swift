import CeleryProtocol
import Testing

@Suite("Writing JSON")
struct JSONWritingTests {
    @Test(
        "Values are written as json.dumps writes them",
        arguments: [
            (.null, "null"), (.bool(true), "true"), (.bool(false), "false"), (0, "0"), (-1, "-1"),
            (1234567890, "1234567890"),
            (.integer(.min), "-9223372036854775808"), (.integer(.max), "9223372036854775807"),
            (.bigInteger("-123456789012345678901234567890"), "-123456789012345678901234567890"),
            ([], "[]"), ([:], "{}"), ([1, [2, 3], [:]], "[1, [2, 3], {}]"),
            (["a": 1, "b": [nil]], #"{"a": 1, "b": [null]}"#),
            ("", #""""#), ("a\"b\\c/d", #""a\"b\\c/d""#),
            ("\u{8}\u{C}\n\r\t\u{0}\u{1F}\u{7F}", #""\b\f\n\r\t\u0000\u001f\u007f""#),
            ("é☃😀\u{10FFFF}", #""\u00e9\u2603\ud83d\ude00\udbff\udfff""#),
            ("12345678é12345678\"1234567\\", #""12345678\u00e912345678\"1234567\\""#),
            (.surrogateString([0x61, 0xD800, 0x22, 0x0A, 0x7F]), #""a\ud800\"\n\u007f""#),
        ] as [(JSONValue, String)]
    )
    func values(_ value: JSONValue, _ expected: String) {
        #expect(String(decoding: value.serialized(), as: UTF8.self) == expected)
    }

    @Test(
        "Floats are written as Python's repr writes them",
        arguments: [
            (0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (-2.5, "-2.5"), (0.1, "0.1"), (100.0, "100.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"), (0.00012345, "0.00012345"), (1e15, "1000000000000000.0"), (1e16, "1e+16"),
            (9999999999999998.0, "9999999999999998.0"), (12345678901234567.0, "1.2345678901234568e+16"),
            (1e22, "1e+22"),
            (1.5e300, "1.5e+300"), (.leastNonzeroMagnitude, "5e-324"),
            (.greatestFiniteMagnitude, "1.7976931348623157e+308"),
            (2.2250738585072014e-308, "2.2250738585072014e-308"), (123456.789, "123456.789"), (.infinity, "Infinity"),
            (-.infinity, "-Infinity"), (.nan, "NaN"), (-.nan, "NaN"), (1.0 / 3, "0.3333333333333333"),
        ] as [(Double, String)]
    )
    func floats(_ value: Double, _ expected: String) {
        #expect(JSONValue.double(value).description == expected)
    }

    @Test("Appending leaves what was there")
    func appending() {
        var bytes = Array("x=".utf8)
        JSONValue.array([1]).write(to: &bytes)
        JSONObject().write(to: &bytes)
        #expect(bytes == Array("x=[1]{}".utf8))
    }

    @Test("A big integer that is no number is written as a string, not as broken JSON")
    func malformedBigInteger() {
        #expect(JSONValue.bigInteger("1]").description == #""1]""#)
        #expect(JSONValue.bigInteger("").description == #""""#)
        #expect(JSONValue.bigInteger("-").description == #""-""#)
    }

    @Test("A real envelope comes back byte for byte")
    func envelope() throws {
        let bytes = Array(JSONSpeedTests.envelope.utf8)
        #expect(try JSONValue(json: bytes).serialized() == bytes)
    }
}
