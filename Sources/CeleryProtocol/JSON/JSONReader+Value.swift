extension JSONReader {
    /// Reads a value of any kind.
    package mutating func readValue() throws(JSONError) -> JSONValue {
        skipWhitespace()
        switch current {
        case UInt8(ascii: "\""): return try readStringValue()
        case UInt8(ascii: "{"): return .object(try readObjectValue())
        case UInt8(ascii: "["): return .array(try readArrayValue())
        default: return try readScalar()
        }
    }

    private mutating func readStringValue() throws(JSONError) -> JSONValue {
        let scanned = try scanString()
        let contents = UnsafeRawBufferPointer(rebasing: bytes[scanned.contents])
        return scanned.hasEscapes ? Self.unescaped(contents) : .string(Self.string(contents))
    }

    private mutating func readArrayValue() throws(JSONError) -> [JSONValue] {
        var elements: [JSONValue] = []
        var more = try enterArray()
        while more {
            elements.append(try readValue())
            more = try nextElement()
        }
        return elements
    }

    private mutating func readObjectValue() throws(JSONError) -> JSONObject {
        var object = JSONObject()
        // The fingerprints of all keys so far: a key whose bit is not set cannot have come before.
        var seen: UInt64 = 0
        var more = try enterObject()
        while more {
            let key = try readKey()
            let name = key.string
            let value = try readValue()
            let bit = key.fingerprint
            if seen & bit == 0 {
                object.append(newKey: name, value)
            } else {
                object[name] = value
            }
            seen |= bit
            more = try nextMember()
        }
        return object
    }

    /// Reads a number, `true`, `false`, `null`, `NaN` or an infinity.
    mutating func readScalar() throws(JSONError) -> JSONValue {
        switch current {
        case UInt8(ascii: "n") where take("null"): return .null
        case UInt8(ascii: "t") where take("true"): return .bool(true)
        case UInt8(ascii: "f") where take("false"): return .bool(false)
        case UInt8(ascii: "N") where take("NaN"): return .double(.nan)
        case UInt8(ascii: "I") where take("Infinity"): return .double(.infinity)
        case UInt8(ascii: "-") where take("-Infinity"): return .double(-.infinity)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try readNumber()
        default: throw error("expected a value")
        }
    }

    /// Steps over `word` if it stands here.
    private mutating func take(_ word: StaticString) -> Bool {
        guard bytes.count - position >= word.utf8CodeUnitCount else { return false }
        let matches = word.withUTF8Buffer { word in
            for offset in word.indices where word[offset] != bytes[position + offset] { return false }
            return true
        }
        if matches { position += word.utf8CodeUnitCount }
        return matches
    }
}
