import Testing

@testable import CeleryProtocol

/// Documents of a megabyte and more, where containers that come again are kept once, and what values take is bounded.
@Suite("Large documents")
struct LargeDocumentTests {
    private static let padding = "[\"" + String(repeating: "x", count: RepeatedContainers.smallestDocument) + "\","

    @Test("Containers that begin alike are told apart")
    func alike() throws {
        // Each part comes again, next to others that begin with the same sixteen bytes and to longer and shorter ones.
        let parts = [
            #"{"a":1}"#, #"{"a":1 }"#, #"{"a":12}"#, #"{"a":[]}"#, #"{"a":[1]}"#, #"{"a":[1],"b":2}"#, "[0]", "[0,0]",
            "[[0]]", "[0.0]", "[-0]", #"["]"]"#, #"["}"]"#, #"["]",1]"#, #"{"]":0}"#, #"{"a":1,"a":2}"#,
            #"{"a long enough key":1}"#, #"{"a long enough key":2}"#, #"{"a long enough key":[{"x":1}]}"#,
            #"["a text of more than sixteen bytes", 1]"#, #"["a text of more than sixteen bytes", 2]"#, "[ ]", "{ }",
        ]
        let values = try parts.map { try JSONValue(json: $0) }
        var generator = SystemRandomNumberGenerator()
        let order = (0..<100_000).map { _ in Int.random(in: parts.indices, using: &generator) }
        let text = Self.padding + order.map { parts[$0] }.joined(separator: ",") + "]"
        let read = try #require(try JSONValue(json: text).arrayValue).dropFirst()
        #expect(read.elementsEqual(order.lazy.map { values[$0] }))
    }

    @Test("What has come before is not accepted where it would go too deep")
    func depth() throws {
        func nested(_ depth: Int, _ inner: String) -> String {
            String(repeating: "[", count: depth) + inner + String(repeating: "]", count: depth)
        }
        let part = nested(300, "0")
        #expect(throws: Never.self) { try JSONValue(json: Self.padding + part + "," + nested(211, part) + "]") }
        #expect(throws: JSONError.self) { try JSONValue(json: Self.padding + part + "," + nested(212, part) + "]") }
    }

    @Test("A long array is read whole, whatever its elements are at first", arguments: [1024, 1025, 33_000, 200_000])
    func longArray(count: Int) throws {
        let numbers = (0..<count).map { $0 < count / 2 ? 1_000_000_000 + $0 : $0 % 10 }
        let text = "[" + numbers.map(String.init).joined(separator: ",") + "]"
        #expect(try JSONValue(json: text) == .array(numbers.map(JSONValue.integer)))
    }

    @Test("A long object is read whole, and of a key given twice the last value counts")
    func longObject() throws {
        let text = "{" + (0..<100_000).map { "\"\($0 % 90_000)\":\($0)" }.joined(separator: ",") + "}"
        let object = try #require(try JSONValue(json: text).objectValue)
        #expect(object.count == 90_000)
        #expect(object["89999"] == 89_999)
        #expect(object["5"] == 90_005)
    }

    @Test(
        "What values take is bounded, whatever they are",
        arguments: [
            "0", "{}", #"{"":0}"#, "[0]", "[[]]", #""a text that does not fit sixteen bytes""#, #""\ud800""#,
            "123456789012345678901", #"{"a key that does not fit sixteen bytes":0}"#,
        ])
    func bound(part: String) throws {
        let limit = 100_000
        let text = "[" + Array(repeating: part, count: limit / 16 + 1).joined(separator: ",") + "]"
        #expect {
            try JSONValue.reading(Array(text.utf8), memoryLimit: limit)
        } throws: {
            "\($0)" == "its values take more than the \(limit) bytes of memory that are allowed"
        }
        #expect(throws: Never.self) { try JSONValue.reading(Array(text.utf8), memoryLimit: 12 * limit) }
    }

    @Test("Different keys are bounded too")
    func keys() {
        let text = "{" + (0..<3000).map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        #expect(throws: JSONError.self) { try JSONValue.reading(Array(text.utf8), memoryLimit: 100_000) }
        #expect(throws: Never.self) { try JSONValue.reading(Array(text.utf8), memoryLimit: 160_000) }
    }

    @Test("Long texts count no more than short ones, as the size of the document bounds them")
    func longTexts() {
        let text = "[\"" + String(repeating: "x", count: 1_000_000) + "\"]"
        #expect(throws: Never.self) { try JSONValue.reading(Array(text.utf8), memoryLimit: 200) }
    }

    @Test("A body of three million numbers is allowed by default, and one that takes more is refused by name")
    func body() throws {
        let count = 3_000_000
        let message = Message(body: Array(("[[" + String(repeating: "0,", count: count - 1) + "0], {}, {}]").utf8))
        #expect(try TaskPayload(message).args.count == count)
        #expect {
            try TaskPayload(message, maximumBodyMemory: 1_000_000)
        } throws: {
            ($0 as? MessageError)?.code == .undecodable
                && "\($0)"
                    == "the body is too large: its values take more than the 1000000 bytes of memory that are allowed"
        }
    }

    @Test("An envelope whose headers take too much is refused")
    func envelope() throws {
        let headers = Array(repeating: "[0]", count: 1 + TaskPayload.defaultMaximumBodyMemory / 64).enumerated()
            .map { "[\($0.offset)]" }.joined(separator: ",")
        let text = #"{"body": "", "headers": {"x": ["# + headers + "]}}"
        #expect {
            try KombuEnvelope.decode(Array(text.utf8))
        } throws: {
            "\($0)".hasPrefix("the envelope is too large: its values take more than the ")
        }
    }
}
