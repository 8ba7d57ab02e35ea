import CeleryProtocol
import Testing

@Suite struct JSONLocatorTests {
    private func found(_ path: String..., in text: String) -> String? {
        let bytes = Array(text.utf8)
        return JSONLocator.range(of: path, in: bytes).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    @Test func aValueIsFoundAmongOthersThatLookAlike() {
        let text = #"{"x": "{\"a\": 0}", "p" : { "b":[{"a": 1}, "]"] ,"a": "tag\"s", "c": -1.5e3}, "a": null }"#
        #expect(found("p", "a", in: text) == #""tag\"s""#)
        #expect(found("p", "b", in: text) == #"[{"a": 1}, "]"]"#)
        #expect(found("p", "c", in: text) == "-1.5e3")
        #expect(found("a", in: text) == "null")
        #expect(found("x", in: text) == #""{\"a\": 0}""#)
        #expect(found(in: text) == text)
    }

    @Test func whatIsNotThereIsNotFound() {
        #expect(found("b", in: #"{"a": 1}"#) == nil)
        #expect(found("a", "b", in: #"{"a": 1}"#) == nil)
        #expect(found("a", in: "{}") == nil && found("a", in: "[1]") == nil && found("a", in: "7") == nil)
    }

    @Test func ofAKeyThatStandsTwiceTheLastOneCounts() {
        #expect(found("a", in: #"{"a": 1, "a": 2}"#) == "2")
    }
}
