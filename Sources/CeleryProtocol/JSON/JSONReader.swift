/// Reads JSON from bytes, piece by piece, in Python's dialect.
///
/// The reader keeps the pointer it is given: use it only inside the closure that lends the bytes. It never reads
/// outside them, whatever they hold. Without a look at a value's insides one can step over it, or learn where it is.
///
///     try bytes.withUnsafeBytes { buffer in
///         var reader = JSONReader(buffer)
///         try reader.readObject { key, reader in
///             switch key {
///             case "headers": headers = try reader.readValue()
///             case "body": body = try reader.readPlainString()
///             default: break  // what is not read is stepped over
///             }
///         }
///         try reader.finish()
///     }
package struct JSONReader {
    /// Deeper documents are refused. Python stops near 1000; with this bound nothing that recurses over a value takes
    /// more than 200 KB of stack (1 MB without optimization).
    package static let maximumDepth = 512

    let bytes: UnsafeRawBufferPointer
    /// The offset of the next byte.
    package internal(set) var position = 0
    /// Whether a key `__type__` came by, in whatever depth: without one the document holds no tagged value.
    package internal(set) var hasTypeKey = false
    var depth = 0

    /// A reader at the start of `bytes`.
    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next byte, or 0 at the end; no valid document holds a 0.
    @inline(__always) var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    /// Steps over blanks.
    package mutating func skipWhitespace() {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position += 1
        }
    }

    /// Checks that nothing but blanks is left.
    package mutating func finish() throws(JSONError) {
        skipWhitespace()
        if position < bytes.count { throw error("unexpected data after the value") }
    }

    /// Reads an object: calls `member` for each key, with the reader before the value. A value that `member` does not
    /// read is stepped over. A key that stands twice is reported twice; the last one counts.
    package mutating func readObject(_ member: (Key, inout JSONReader) throws -> Void) throws {
        var more = try enterObject()
        while more {
            let key = try readKey()
            let before = position
            try member(key, &self)
            if position == before { try skipValue() }
            more = try nextMember()
        }
    }

    /// Reads an array: calls `element` for each element, with the reader before it. An element that is not read is
    /// stepped over.
    package mutating func readArray(_ element: (inout JSONReader) throws -> Void) throws {
        var more = try enterArray()
        while more {
            let before = position
            try element(&self)
            if position == before { try skipValue() }
            more = try nextElement()
        }
    }

    /// Steps over a value and tells where it stands, without the blanks around it.
    @discardableResult
    package mutating func skipValue() throws(JSONError) -> Range<Int> {
        skipWhitespace()
        let start = position
        switch current {
        case UInt8(ascii: "\""):
            _ = try scanString()
        case UInt8(ascii: "{"):
            guard try enterObject() else { break }
            repeat {
                _ = try readKey()
                try skipValue()
            } while try nextMember()
        case UInt8(ascii: "["):
            guard try enterArray() else { break }
            repeat { try skipValue() } while try nextElement()
        default:
            _ = try readScalar()
        }
        return start..<position
    }

    func error(_ message: String) -> JSONError { JSONError(message, offset: position) }

    func error(_ message: String, at offset: Int) -> JSONError { JSONError(message, offset: offset) }
}

// Containers, step by step.
extension JSONReader {
    /// Steps into an object. False if it is empty, and then it is already behind the reader.
    mutating func enterObject() throws(JSONError) -> Bool {
        try enter(UInt8(ascii: "{"), or: "expected an object")
        if current == UInt8(ascii: "}") {
            leave()
            return false
        }
        return true
    }

    /// After a value in an object: true before the next key, false when the object ended.
    mutating func nextMember() throws(JSONError) -> Bool {
        skipWhitespace()
        switch current {
        case UInt8(ascii: ","):
            position += 1
            return true
        case UInt8(ascii: "}"):
            leave()
            return false
        default:
            throw error("expected ',' or '}'")
        }
    }

    /// Steps into an array. False if it is empty, and then it is already behind the reader.
    mutating func enterArray() throws(JSONError) -> Bool {
        try enter(UInt8(ascii: "["), or: "expected an array")
        if current == UInt8(ascii: "]") {
            leave()
            return false
        }
        return true
    }

    /// After a value in an array: true before the next one, false when the array ended.
    mutating func nextElement() throws(JSONError) -> Bool {
        skipWhitespace()
        switch current {
        case UInt8(ascii: ","):
            position += 1
            return true
        case UInt8(ascii: "]"):
            leave()
            return false
        default:
            throw error("expected ',' or ']'")
        }
    }

    private mutating func enter(_ bracket: UInt8, or message: String) throws(JSONError) {
        skipWhitespace()
        guard current == bracket else { throw error(message) }
        guard depth < Self.maximumDepth else { throw error("nested deeper than \(Self.maximumDepth) levels") }
        depth += 1
        position += 1
        skipWhitespace()
    }

    private mutating func leave() {
        depth -= 1
        position += 1
    }
}
