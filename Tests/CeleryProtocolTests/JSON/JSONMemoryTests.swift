import Testing

@testable import CeleryProtocol

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

    @Test(
        "Containers that come again in a large document are kept once",
        arguments: [
            (#"{"":0}"#, 3.5), (#"{"a":{}}"#, 3.5), ("[0]", 6.5), (#"{"a":[{"b":[1,2,3]}]}"#, 1.5),
            (String(repeating: "[", count: 400) + String(repeating: "]", count: 400), 0.2),
        ])
    func repeated(part: String, bound: Double) throws {
        let count = RepeatedContainers.smallestDocument / part.utf8.count + 1
        let text = "[" + Array(repeating: part, count: count).joined(separator: ",") + "]"
        let value = try JSONValue(json: text)
        #expect(value.arrayValue?.count == count)
        #expect(Double(Self.memory(of: value)) / Double(text.utf8.count) < bound)
        let one = try JSONValue(json: part)
        #expect(value.arrayValue?.allSatisfy { $0 == one } == true)
    }

    /// The blocks that a value holds, with what the allocator adds to each.
    private static func memory(of value: JSONValue) -> Int {
        var seen: Set<UnsafeRawPointer> = []
        return memory(of: value, &seen)
    }

    /// - Parameter seen: the blocks that were counted already.
    private static func memory(of value: JSONValue, _ seen: inout Set<UnsafeRawPointer>) -> Int {
        func block(_ bytes: Int) -> Int { max(32, (bytes + 8 + 15) / 16 * 16) }
        switch value {
        case .string(let text), .bigInteger(let text):
            return text.utf8.count < 16 ? 0 : block(32 + text.utf8.count + 1)
        case .surrogateString(let units):
            return block(32 + 2 * units.capacity)
        case .array(let elements):
            guard let address = elements.withUnsafeBytes(\.baseAddress), seen.insert(address).inserted else { return 0 }
            let own = elements.isEmpty ? 0 : block(32 + elements.capacity * MemoryLayout<JSONValue>.stride)
            return elements.reduce(own) { $0 + memory(of: $1, &seen) }
        case .object(let object):
            let stride = MemoryLayout<(key: String, value: JSONValue)>.stride
            guard let address = object.entries.withUnsafeBytes(\.baseAddress), seen.insert(address).inserted else {
                return 0
            }
            let own = object.isEmpty ? 0 : block(32 + object.entries.capacity * stride)
            return object.entries.reduce(own) {
                $0 + memory(of: .string($1.key), &seen) + memory(of: $1.value, &seen)
            }
        default:
            return 0
        }
    }
}
