/// Writes JSON exactly as Python's `json.dumps` does by default: `", "` and `": "`, ASCII only.
///
/// The bytes go to memory of its own, without the checks that an array makes for each byte.
struct JSONWriter: ~Copyable {
    private var buffer: UnsafeMutableRawBufferPointer
    var count = 0
    /// Whether the character that may stand for a lone surrogate in a key came by.
    var hasKeyEscape = false

    init(capacity: Int = 1024) {
        buffer = .allocate(byteCount: max(capacity, 64), alignment: 8)
    }

    deinit { buffer.deallocate() }

    /// What was written.
    var bytes: [UInt8] { Array(written) }

    /// What was written, valid until the next call.
    var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<count]) }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: write(literal: "null")
        case .bool(true): write(literal: "true")
        case .bool(false): write(literal: "false")
        case .integer(let value): write(value)
        case .bigInteger(let digits): write(bigInteger: digits)
        case .double(let value): write(value)
        case .string(let value): write(value)
        case .surrogateString(let units): write(units: units)
        case .array(let elements): write(elements)
        case .object(let object): write(object)
        }
    }

    mutating func write(_ object: JSONObject) {
        append(UInt8(ascii: "{"))
        var isFirst = true
        for (key, value) in object.entries {
            if !isFirst { write(literal: ", ") }
            isFirst = false
            write(key: key)
            write(literal: ": ")
            write(value)
        }
        append(UInt8(ascii: "}"))
    }

    private mutating func write(_ elements: [JSONValue]) {
        append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { write(literal: ", ") }
            isFirst = false
            write(element)
        }
        append(UInt8(ascii: "]"))
    }

    mutating func write(_ value: Int) {
        ensure(20)
        var magnitude = value.magnitude
        var start = count + 20
        repeat {
            let (rest, digit) = magnitude.quotientAndRemainder(dividingBy: 10)
            start -= 1
            buffer[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
            magnitude = rest
        } while magnitude != 0
        if value < 0 {
            start -= 1
            buffer[start] = UInt8(ascii: "-")
        }
        // The digits were written at the end of the room for twenty; they move to its start.
        let length = count + 20 - start
        for offset in 0..<length { buffer[count + offset] = buffer[start + offset] }
        count += length
    }

    private mutating func write(bigInteger text: String) {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        // What is no integer, which only a caller's mistake can make, still gives valid JSON.
        guard !digits.isEmpty, digits.allSatisfy(JSONBytes.isDigit) else { return write(text) }
        append(contentsOf: text.utf8)
    }

    mutating func write(_ value: Double) {
        ensure(PythonFloat.maximumLength)
        count += PythonFloat.write(
            value,
            infinity: "Infinity",
            notANumber: "NaN",
            to: UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
        )
    }
}

// Raw output.
extension JSONWriter {
    @inline(__always) mutating func append(_ byte: UInt8) {
        ensure(1)
        buffer[count] = byte
        count += 1
    }

    mutating func write(literal: StaticString) {
        literal.withUTF8Buffer { append(UnsafeRawBufferPointer($0)) }
    }

    @inline(__always) mutating func append(_ bytes: UnsafeRawBufferPointer) {
        ensure(bytes.count)
        UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    mutating func append(contentsOf bytes: some Collection<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { append(UnsafeRawBufferPointer($0)) }
        if done == nil { for byte in bytes { append(byte) } }
    }

    /// Makes room for `length` more bytes.
    @inline(__always) private mutating func ensure(_ length: Int) {
        if buffer.count - count < length { grow(length) }
    }

    @inline(never) private mutating func grow(_ length: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: (count + length) * 2, alignment: 8)
        larger.copyMemory(from: written)
        buffer.deallocate()
        buffer = larger
    }
}
