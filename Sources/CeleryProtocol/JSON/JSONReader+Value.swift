extension JSONReader {
    /// Reads a value of any kind.
    mutating func readValue() throws(JSONError) -> JSONValue {
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
        guard try enterArray() else { return elements }
        repeat { elements.append(try readValue()) } while try nextElement()
        return elements
    }

    private mutating func readObjectValue() throws(JSONError) -> JSONObject {
        var object = JSONObject()
        guard try enterObject() else { return object }
        object.reserveCapacity(8)
        // The fingerprints of all keys so far: a key whose bit is not set cannot have come before.
        var seen: UInt64 = 0
        repeat {
            let (name, isNew) = try readName(&seen)
            Self.add(name, try readValue(), isNew: isNew, to: &object)
        } while try nextMember()
        return object
    }

    // These two keep what they need off the stack while the value inside is read.

    private mutating func readName(_ seen: inout UInt64) throws(JSONError) -> (String, isNew: Bool) {
        let key = try readKey()
        let bit = key.fingerprint
        defer { seen |= bit }
        return (key.string, seen & bit == 0)
    }

    private static func add(_ name: String, _ value: JSONValue, isNew: Bool, to object: inout JSONObject) {
        if isNew {
            object.append(name, value)
        } else {
            object[name] = value
        }
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
