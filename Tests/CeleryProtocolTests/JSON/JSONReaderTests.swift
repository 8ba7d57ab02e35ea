import CeleryProtocol
import Foundation
import Testing

@Suite("The reader of JSON")
struct JSONReaderTests {
    @Test("A key __type__ is noticed in any depth and spelling")
    func typeKey() throws {
        #expect(try JSONValue.reading(Array(#"{"a": [{"__type__": 1}]}"#.utf8)).hasTypeKey)
        #expect(try JSONValue.reading(Array(#"{"\u005f_type__": 1}"#.utf8)).hasTypeKey)
        #expect(try !JSONValue.reading(Array(#"["__type__", {"__typo__": 1}]"#.utf8)).hasTypeKey)
    }
}

@Suite("Deep JSON")
struct JSONDepthTests {
    static func nested(_ depth: Int, _ open: String, _ close: String) -> [UInt8] {
        Array((String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)).utf8)
    }

    @Test("512 levels are read, deeper documents are refused", arguments: [("[", "]"), (#"{"a":"#, "}")])
    func limit(_ open: String, _ close: String) throws {
        _ = try JSONValue(json: Self.nested(512, open, close))
        #expect(throws: JSONError.self) { try JSONValue(json: Self.nested(513, open, close)) }
        #expect(throws: JSONError.self) { try JSONValue(json: Self.nested(200_000, open, close)) }
    }

    #if DEBUG
    // Code that is not optimized takes several times the stack, still more with a sanitizer.
    private static let stackSize = 4 << 20
    #else
    private static let stackSize = 512 << 10
    #endif

    @Test("The deepest document is handled on a small stack in every way", arguments: [("[", "]"), (#"{"a":"#, "}")])
    func smallStack(_ open: String, _ close: String) async {
        let failure: String? = await withCheckedContinuation { continuation in
            let thread = Thread {
                do {
                    let bytes = Self.nested(512, open, close)
                    let value = try JSONValue(json: bytes)
                    let copy = try JSONValue(json: value.serialized())
                    guard value == copy, value.hashValue == copy.hashValue else {
                        throw JSONError("differs", offset: 0)
                    }
                    try value.validateTaggedTypes()
                    _ = PythonRepr.repr(of: value)
                    _ = PythonRepr.saferepr(value, maximumLevels: 0)
                    continuation.resume(returning: nil)
                } catch {
                    continuation.resume(returning: "\(error)")
                }
            }
            thread.stackSize = Self.stackSize
            thread.start()
        }
        #expect(failure == nil)
    }
}
