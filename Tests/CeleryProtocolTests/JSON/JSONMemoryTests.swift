import CeleryProtocol
import Testing

/// How much memory a document takes for each byte of its text: what a few kilobytes inflate to must not take the machine.
@Suite("JSON memory")
struct JSONMemoryTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// What the document is made of, again and again.
        let part: String
        /// How many bytes of memory a byte of text may take.
        let bound: Double
    }

    static let cases = [
        Case(testDescription: "objects with one key", part: #"{"":0}"#, bound: 18),
        Case(testDescription: "empty objects", part: "{}", bound: 10),
        Case(testDescription: "empty arrays", part: "[]", bound: 10),
        Case(testDescription: "arrays of one element", part: "[0]", bound: 25),
        Case(testDescription: "arrays of forty", part: "[\(String(repeating: "0,", count: 39))0]", bound: 16),
        Case(testDescription: "integers", part: "0", bound: 16),
        Case(testDescription: "empty texts", part: #""""#, bound: 10),
        Case(
            testDescription: "deep arrays",
            part: String(repeating: "[", count: 400) + String(repeating: "]", count: 400),
            bound: 36),
        Case(testDescription: "objects of forty keys", part: object(keys: 40), bound: 9),
        Case(
            testDescription: "records",
            part: #"{"id": 17, "name": "a name of some length", "tags": ["a", "b"], "x": 1.5}"#,
            bound: 8),
    ]

    static func object(keys: Int) -> String { "{" + (0..<keys).map { "\"k\($0)\":0" }.joined(separator: ",") + "}" }

    @Test("Reading takes a small multiple of the text", arguments: cases)
    func multiple(kind: Case) throws {
        let count = 60_000 / kind.part.utf8.count
        let text = "[" + Array(repeating: kind.part, count: count).joined(separator: ",") + "]"
        let multiple = Double(Self.memory(of: try JSONValue(json: text))) / Double(text.utf8.count)
        #expect(multiple < kind.bound)
    }

    @Test("A large object takes no more than its parts")
    func largeObject() throws {
        let text = Self.object(keys: 20_000)
        let value = try JSONValue(json: text)
        #expect(value.objectValue?["k19999"] == 0)
        #expect(Double(Self.memory(of: value)) / Double(text.utf8.count) < 6)
    }

    /// The blocks that a value holds, with what the allocator adds to each.
    private static func memory(of value: JSONValue) -> Int {
        func block(_ bytes: Int) -> Int { max(32, (bytes + 8 + 15) / 16 * 16) }
        switch value {
        case .string(let text), .bigInteger(let text):
            return text.utf8.count < 16 ? 0 : block(32 + text.utf8.count + 1)
        case .surrogateString(let units):
            return block(32 + 2 * units.capacity)
        case .array(let elements):
            let own = elements.isEmpty ? 0 : block(32 + elements.capacity * MemoryLayout<JSONValue>.stride)
            return elements.reduce(own) { $0 + memory(of: $1) }
        case .object(let object):
            let stride = MemoryLayout<(key: String, value: JSONValue)>.stride
            let own = object.isEmpty ? 0 : block(32 + object.entries.capacity * stride)
            return object.entries.reduce(own) { $0 + memory(of: .string($1.key)) + memory(of: $1.value) }
        default:
            return 0
        }
    }
}
