import CeleryProtocol
import Foundation
import Testing

@Suite("Reading JSON piece by piece")
struct JSONReaderTests {
    @Test("An envelope is read without its body")
    func envelope() throws {
        let bytes = Array(
            #" {"body": "W10=", "headers": {"id": "x", "n": [1]}, "\u0070roperties": {}, "other": [{}]} "#.utf8
        )
        var body: Range<Int>?
        var headers: JSONValue?
        var sawProperties = false
        try bytes.withUnsafeBytes { buffer in
            var reader = JSONReader(buffer)
            try reader.readObject { key, reader in
                switch key {
                case "body": body = try reader.readPlainString()
                case "headers": headers = try reader.readValue()
                case "properties": sawProperties = true
                default: #expect(key.string == "other")
                }
            }
            try reader.finish()
        }
        #expect(body.map { Array(bytes[$0]) } == Array("W10=".utf8))
        #expect(headers == ["id": "x", "n": [1]])
        #expect(sawProperties)
    }

    @Test("A string with escapes, or another kind of value, has no plain range, and can be read then")
    func noPlainString() throws {
        for text in [#""a\/b""#, "12", "[1]"] {
            try Array(text.utf8).withUnsafeBytes { buffer in
                var reader = JSONReader(buffer)
                let range = try reader.readPlainString()
                let value = try reader.readDocument()
                #expect(range == nil)
                #expect(try value == JSONValue(json: text))
            }
        }
    }

    @Test("Stepping over a value tells where it stands and checks it all the same")
    func skipping() throws {
        let text = #"[ {"a": [1, "]"]} , 2]"#
        try Array(text.utf8).withUnsafeBytes { buffer in
            var reader = JSONReader(buffer)
            var ranges: [Range<Int>] = []
            try reader.readArray { reader in ranges.append(try reader.skipValue()) }
            try reader.finish()
            #expect(ranges == [2..<17, 20..<21])
        }
        for text in [#"{"a": }"#, #"["\x"]"#, "[01]", "[1", #"{"a":1,}"#, "[tru]", "\"\u{1}\""] {
            #expect(throws: JSONError.self) {
                try Array(text.utf8).withUnsafeBytes { buffer in
                    var reader = JSONReader(buffer)
                    try reader.skipValue()
                    try reader.finish()
                }
            }
        }
    }

    @Test("What an element's closure leaves is stepped over")
    func unreadElements() throws {
        try Array("[1, [2], {}]".utf8).withUnsafeBytes { buffer in
            var reader = JSONReader(buffer)
            var count = 0
            try reader.readArray { _ in count += 1 }
            try reader.finish()
            #expect(count == 3)
        }
    }

    @Test("Another value than the expected container is an error")
    func wrongContainer() {
        #expect(throws: JSONError.self) {
            try Array("[1]".utf8).withUnsafeBytes { buffer in
                var reader = JSONReader(buffer)
                try reader.readObject { _, _ in }
            }
        }
    }

    @Test("A key __type__ is noticed in any depth and spelling, also in what is stepped over")
    func typeKey() throws {
        #expect(try JSONValue.reading(Array(#"{"a": [{"__type__": 1}]}"#.utf8)).hasTypeKey)
        #expect(try JSONValue.reading(Array(#"{"\u005f_type__": 1}"#.utf8)).hasTypeKey)
        #expect(try !JSONValue.reading(Array(#"["__type__", {"__typo__": 1}]"#.utf8)).hasTypeKey)
        try Array(#"{"a": {"__type__": 1}}"#.utf8).withUnsafeBytes { buffer in
            var reader = JSONReader(buffer)
            try reader.readObject { _, _ in }
            #expect(reader.hasTypeKey)
        }
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
                    try bytes.withUnsafeBytes { buffer in
                        var reader = JSONReader(buffer)
                        try reader.skipValue()
                    }
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
