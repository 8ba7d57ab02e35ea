/// Reads AMQP's plain types from a part of a buffer. Whatever the bytes are, it ends with a value or a ``WireError``.
struct WireReader {
    private let bytes: [UInt8]
    private(set) var offset: Int
    private let end: Int

    /// Reads all of `bytes`.
    init(_ bytes: [UInt8]) {
        self.init(bytes, in: bytes.indices)
    }

    /// Reads the part of `bytes` in `range`, which must lie within them.
    init(_ bytes: [UInt8], in range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        offset = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { offset == end }
    var remaining: Int { end - offset }

    /// Steps over `count` bytes and says where they are.
    private mutating func take(_ count: Int) throws(WireError) -> Range<Int> {
        guard count >= 0, count <= end - offset else { throw WireError(reason: "a field ends too early") }
        defer { offset += count }
        return offset..<offset + count
    }

    mutating func octet() throws(WireError) -> UInt8 {
        bytes[try take(1).lowerBound]
    }

    mutating func integer<Integer: FixedWidthInteger>(_: Integer.Type) throws(WireError) -> Integer {
        var value: Integer = 0
        for index in try take(Integer.bitWidth / 8) {
            value = value << 8 | Integer(truncatingIfNeeded: bytes[index])
        }
        return value
    }

    mutating func data(_ count: Int) throws(WireError) -> ArraySlice<UInt8> {
        bytes[try take(count)]
    }

    /// Text of at most 255 bytes; what is not UTF-8 in it is replaced.
    mutating func shortString() throws(WireError) -> String {
        let count = Int(try octet())
        return String(decoding: try data(count), as: UTF8.self)
    }

    /// Bytes with a length of 32 bits before them.
    mutating func longBytes() throws(WireError) -> ArraySlice<UInt8> {
        try data(Int(try integer(UInt32.self)))
    }

    /// A reader of the next `count` bytes, which this one steps over.
    mutating func part(_ count: Int) throws(WireError) -> WireReader {
        WireReader(bytes, in: try take(count))
    }
}
