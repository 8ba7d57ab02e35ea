/// Reads JSON from bytes in Python's dialect.
///
/// The reader keeps the pointers it is given: use it only inside the closures that lend the bytes and the stacks. It
/// never reads outside the bytes, whatever they hold.
struct JSONReader {
    /// Deeper documents are refused. Python stops near 1000; with this bound nothing that recurses over a value takes
    /// more than 200 KB of stack (1 MB without optimization).
    static let maximumDepth = 512

    let bytes: UnsafeRawBufferPointer
    /// The offset of the next byte.
    var position = 0
    /// Whether a key `__type__` came by, in whatever depth: without one the document holds no tagged value.
    var hasTypeKey = false
    var depth = 0
    /// How many bytes of memory the values may still take.
    var memoryLeft: Int
    let memoryLimit: Int
    /// How many bytes may still be set aside for values to come.
    var roomLeft = Self.mostRoom
    /// What comes again in a large document.
    let repeated: UnsafeMutablePointer<RepeatedContainers>?
    /// The elements and members of the containers that are being read.
    let elements: UnsafeMutablePointer<MoveStack<JSONValue>>
    let members: UnsafeMutablePointer<MoveStack<(key: String, value: JSONValue)>>

    /// What `read` makes of `bytes`, with a reader at their start.
    ///
    /// - Parameter memoryLimit: how many bytes of memory the values may take, besides the texts of strings and keys.
    static func reading<Value>(
        _ bytes: UnsafeRawBufferPointer, memoryLimit: Int = .max,
        _ read: (inout JSONReader) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        guard bytes.count >= RepeatedContainers.smallestDocument else {
            return try reading(bytes, memoryLimit, nil, read)
        }
        var repeated = RepeatedContainers()
        defer { repeated.destroy() }
        return try withUnsafeMutablePointer(to: &repeated) { repeated throws(JSONError) in
            try reading(bytes, memoryLimit, repeated, read)
        }
    }

    private static func reading<Value>(
        _ bytes: UnsafeRawBufferPointer, _ memoryLimit: Int, _ repeated: UnsafeMutablePointer<RepeatedContainers>?,
        _ read: (inout JSONReader) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        var elements = MoveStack<JSONValue>()
        var members = MoveStack<(key: String, value: JSONValue)>()
        defer {
            elements.destroy()
            members.destroy()
        }
        return try withUnsafeMutablePointer(to: &elements) { elements throws(JSONError) in
            try withUnsafeMutablePointer(to: &members) { members throws(JSONError) in
                var reader = JSONReader(
                    bytes: bytes, memoryLimit: memoryLimit, repeated: repeated, elements: elements, members: members)
                return try read(&reader)
            }
        }
    }

    private init(
        bytes: UnsafeRawBufferPointer, memoryLimit: Int, repeated: UnsafeMutablePointer<RepeatedContainers>?,
        elements: UnsafeMutablePointer<MoveStack<JSONValue>>,
        members: UnsafeMutablePointer<MoveStack<(key: String, value: JSONValue)>>
    ) {
        self.bytes = bytes
        self.memoryLimit = memoryLimit
        memoryLeft = memoryLimit
        self.repeated = repeated
        self.elements = elements
        self.members = members
    }

    /// The next byte, or 0 at the end; no valid document holds a 0.
    @inline(__always) var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    /// Steps over blanks.
    mutating func skipWhitespace() {
        while position < bytes.count, JSONBytes.isBlank(bytes[position]) { position += 1 }
    }

    /// Checks that nothing but blanks is left.
    mutating func finish() throws(JSONError) {
        skipWhitespace()
        if position < bytes.count { throw error("unexpected data after the value") }
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
