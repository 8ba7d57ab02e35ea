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

    /// A container with more elements is read into an array of its own: moved at its end, it would be there twice.
    private static let longest = 1024
    private static let veryLong = 32_768

    private mutating func readArrayValue() throws(JSONError) -> [JSONValue] {
        guard try enterArray() else { return [] }
        let start = elements.pointee.count
        repeat {
            let value = try readValue()
            elements.pointee.push(value)
            if elements.pointee.count - start == Self.longest { return try readLongArray(from: start) }
        } while try nextElement()
        return elements.pointee.popArray(from: start)
    }

    /// Reads the rest of an array.
    @inline(never) private mutating func readLongArray(from start: Int) throws(JSONError) -> [JSONValue] {
        var long = elements.pointee.popArray(from: start)
        while try nextElement() {
            let value = try readValue()
            // In smaller steps than an array's own: what is left free counts. Of a very long one it is never touched.
            if long.count == long.capacity, long.count < Self.veryLong {
                long.reserveCapacity(long.count + long.count / 4)
            }
            long.append(value)
        }
        return long
    }

    private mutating func readObjectValue() throws(JSONError) -> JSONObject {
        guard try enterObject() else { return JSONObject() }
        let start = members.pointee.count
        // The fingerprints of all keys so far: a key whose bit is not set cannot have come before.
        var seen: UInt64 = 0
        repeat {
            let (name, isNew) = try readName(&seen)
            add(name, try readValue(), isNew: isNew, from: start)
            if members.pointee.count - start > JSONObject.indexThreshold { return try readLongObject(from: start) }
        } while try nextMember()
        return JSONObject(distinct: members.pointee.popArray(from: start))
    }

    /// Reads the rest of an object with many keys.
    @inline(never) private mutating func readLongObject(from start: Int) throws(JSONError) -> JSONObject {
        var object = JSONObject(distinct: members.pointee.popArray(from: start))
        while try nextMember() {
            let name = try readKey().string
            object[name] = try readValue()
        }
        return object
    }

    // These two keep what they need off the stack while the value inside is read.

    private mutating func readName(_ seen: inout UInt64) throws(JSONError) -> (String, isNew: Bool) {
        let key = try readKey()
        let bit = key.fingerprint
        defer { seen |= bit }
        return (key.string, seen & bit == 0)
    }

    private mutating func add(_ name: String, _ value: JSONValue, isNew: Bool, from start: Int) {
        if !isNew, replace(name, value, from: start) { return }
        members.pointee.push((name, value))
    }

    private mutating func replace(_ name: String, _ value: JSONValue, from start: Int) -> Bool {
        let members = members.pointee.elements(from: start)
        guard let position = members.firstIndex(where: { ExactKey.same($0.key, name) }) else { return false }
        members[position].value = value
        return true
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
