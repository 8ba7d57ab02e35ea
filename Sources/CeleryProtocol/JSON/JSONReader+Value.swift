extension JSONReader {
    /// Reads a value of any kind.
    mutating func readValue() throws(JSONError) -> JSONValue {
        skipWhitespace()
        switch current {
        case UInt8(ascii: "\""): return try readStringValue()
        case UInt8(ascii: "{"): return repeated == nil ? .object(try readObjectValue()) : try readContainer()
        case UInt8(ascii: "["): return repeated == nil ? .array(try readArrayValue()) : try readContainer()
        default: return try readScalar()
        }
    }

    /// Reads a container of a large document, unless the same has been read before.
    @inline(never) private mutating func readContainer() throws(JSONError) -> JSONValue {
        if let (value, length) = repeated?.pointee.find(at: position, in: bytes, depth: depth) {
            position += length
            return value
        }
        let start = position
        let value =
            current == UInt8(ascii: "{") ? JSONValue.object(try readObjectValue()) : .array(try readArrayValue())
        repeated?.pointee.note(value, at: start..<position, in: bytes, depth: depth)
        return value
    }

    private mutating func readStringValue() throws(JSONError) -> JSONValue {
        let scanned = try scanString()
        let contents = UnsafeRawBufferPointer(rebasing: bytes[scanned.contents])
        if contents.count > Self.longestInline { try charge(Self.blockSize) }
        guard scanned.hasEscapes else { return .string(Self.string(contents)) }
        let value = Self.unescaped(contents)
        if case .surrogateString = value { try charge(Self.blockSize) }
        return value
    }

    /// A container with more elements is read into an array of its own: moved at its end, it would be there twice.
    private static let longest = 1024

    private mutating func readArrayValue() throws(JSONError) -> [JSONValue] {
        guard try enterArray() else { return [] }
        let start = elements.pointee.count
        repeat {
            let value = try readValue()
            elements.pointee.push(value)
            if elements.pointee.count - start == Self.longest { return try readLongArray(from: start) }
        } while try nextElement()
        try charge(Self.blockSize + (elements.pointee.count - start) * Self.elementSize)
        return elements.pointee.popArray(from: start)
    }

    /// Reads the rest of an array.
    @inline(never) private mutating func readLongArray(from start: Int) throws(JSONError) -> [JSONValue] {
        var long = elements.pointee.popArray(from: start)
        try charge(Self.blockSize + long.count * Self.elementSize)
        let beginning = position
        while try nextElement() {
            let value = try readValue()
            try charge(Self.elementSize)
            if long.count == long.capacity {
                let more = room(after: long.count - Self.longest, since: beginning, size: Self.elementSize)
                long.reserveCapacity(long.count + max(long.count / 4, more))
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
        try charge(Self.blockSize + (members.pointee.count - start) * Self.memberSize)
        return JSONObject(distinct: members.pointee.popArray(from: start))
    }

    /// Reads the rest of an object with many keys.
    @inline(never) private mutating func readLongObject(from start: Int) throws(JSONError) -> JSONObject {
        var object = JSONObject(distinct: members.pointee.popArray(from: start))
        try charge(Self.blockSize + object.count * Self.longMemberSize)
        let beginning = position
        while try nextMember() {
            let name = try readName()
            let value = try readValue()
            try charge(Self.longMemberSize)
            if object.isFull {
                let read = object.count - JSONObject.indexThreshold
                let more = room(after: read, since: beginning, size: Self.memberSize)
                object.reserveCapacity(object.count + max(object.count / 4, more))
            }
            object[name] = value
        }
        return object
    }

    // These two keep what they need off the stack while the value inside is read.

    private mutating func readName(_ seen: inout UInt64) throws(JSONError) -> (String, isNew: Bool) {
        let key = try readKey()
        if key.bytes.count > Self.longestInline { try charge(Self.blockSize) }
        let bit = key.fingerprint
        defer { seen |= bit }
        return (key.string, seen & bit == 0)
    }

    private mutating func readName() throws(JSONError) -> String {
        let key = try readKey()
        if key.bytes.count > Self.longestInline { try charge(Self.blockSize) }
        return key.string
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
