extension JSONReader {
    /// A key as it stands in the bytes; comparing it makes no `String`. Valid as long as the reader's bytes are.
    struct Key {
        let bytes: UnsafeRawBufferPointer
        let hasEscapes: Bool
        let isASCII: Bool

        /// The key; lone surrogates are spelled as `JSONKey` describes.
        var string: String {
            if !hasEscapes, isASCII { return JSONReader.string(bytes) }
            switch JSONReader.unescaped(bytes) {
            case .string(let string):
                return JSONKey.isEscaped(string) ? JSONKey.string(string.utf16) : string
            case .surrogateString(let units):
                return JSONKey.string(units)
            default:
                return ""
            }
        }

        /// Whether the key is `name`, however it is escaped.
        static func ~= (name: StaticString, key: Key) -> Bool {
            if key.hasEscapes { return key.string == name.description }
            return name.withUTF8Buffer { name in
                name.count == key.bytes.count && name.elementsEqual(key.bytes)
            }
        }

        /// A few bits that differ for most keys that differ.
        @inline(__always) var fingerprint: UInt64 {
            // With escapes the same key can be spelled in many ways.
            if hasEscapes { return .max }
            guard let first = bytes.first, let last = bytes.last else { return 1 }
            let middle = bytes[bytes.count / 2]
            let mixed = UInt64(first) &* 31 &+ UInt64(last) &* 7 &+ UInt64(middle) &* 13 &+ UInt64(bytes.count)
            return 1 << (mixed & 63)
        }
    }

    /// Reads a key and the colon; the reader is then before the value.
    mutating func readKey() throws(JSONError) -> Key {
        skipWhitespace()
        guard current == UInt8(ascii: "\"") else { throw error("expected a key in double quotes") }
        let scanned = try scanString()
        skipWhitespace()
        guard current == UInt8(ascii: ":") else { throw error("expected ':'") }
        position += 1
        skipWhitespace()
        let key = Key(
            bytes: UnsafeRawBufferPointer(rebasing: bytes[scanned.contents]),
            hasEscapes: scanned.hasEscapes,
            isASCII: scanned.isASCII
        )
        if !hasTypeKey, key.hasEscapes || key.bytes.count == 8, "__type__" ~= key { hasTypeKey = true }
        return key
    }
}
