extension JSONWriter {
    /// Writes a string in quotes, with escapes for all that is not printable ASCII.
    mutating func write(_ string: String) {
        append(UInt8(ascii: "\""))
        let done: Void? = string.utf8.withContiguousStorageIfAvailable { write(contents: UnsafeRawBufferPointer($0)) }
        if done == nil {
            Array(string.utf8).withUnsafeBytes { write(contents: $0) }
        }
        append(UInt8(ascii: "\""))
    }

    /// Writes a string with lone surrogates.
    mutating func write(units: [UInt16]) {
        append(UInt8(ascii: "\""))
        for unit in units {
            if unit < 0x7F {
                write(escaping: UInt8(truncatingIfNeeded: unit))
            } else {
                write(escape: UInt32(unit))
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// Writes a key; what `JSONKey` spells stands for lone surrogates.
    mutating func write(key: String) {
        let start = count
        hasKeyEscape = false
        write(key)
        if hasKeyEscape {
            count = start
            write(units: JSONKey.units(key))
        }
    }

    private mutating func write(contents bytes: UnsafeRawBufferPointer) {
        var start = 0
        var position = 0
        while position < bytes.count {
            if position <= bytes.count - 8 {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                let escaped = JSONBytes.escaped(in: word)
                if escaped == 0 {
                    position += 8
                    continue
                }
                position += escaped.trailingZeroBitCount / 8
            } else if !JSONBytes.isSpecial(bytes[position]), bytes[position] != 0x7F {
                position += 1
                continue
            }
            append(UnsafeRawBufferPointer(rebasing: bytes[start..<position]))
            if bytes[position] < 0x80 {
                write(escaping: bytes[position])
                position += 1
            } else {
                write(scalarAt: &position, of: bytes)
            }
            start = position
        }
        append(UnsafeRawBufferPointer(rebasing: bytes[start...]))
    }

    private mutating func write(escaping byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): write(literal: "\\\"")
        case UInt8(ascii: "\\"): write(literal: "\\\\")
        case 0x08: write(literal: "\\b")
        case 0x0C: write(literal: "\\f")
        case 0x0A: write(literal: "\\n")
        case 0x0D: write(literal: "\\r")
        case 0x09: write(literal: "\\t")
        case 0x20..<0x7F: append(byte)
        default: write(escape: UInt32(byte))
        }
    }

    /// Writes the character beyond ASCII at `position`, which moves behind it. The bytes are a `String`'s, so that
    /// they are valid UTF-8.
    private mutating func write(scalarAt position: inout Int, of bytes: UnsafeRawBufferPointer) {
        let first = UInt32(bytes[position])
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        var code = first & (0xFF >> UInt32(length + 1))
        let end = min(position + length, bytes.count)
        for index in position + 1..<end { code = code << 6 | UInt32(bytes[index] & 0x3F) }
        position = end
        if code == JSONKey.escape { hasKeyEscape = true }
        if code < 0x10000 {
            write(escape: code)
        } else {
            write(escape: 0xD800 | (code &- 0x10000) >> 10)
            write(escape: 0xDC00 | code & 0x3FF)
        }
    }

    private mutating func write(escape unit: UInt32) {
        write(literal: "\\u")
        append(Self.hexDigit(unit >> 12 & 0xF))
        append(Self.hexDigit(unit >> 8 & 0xF))
        append(Self.hexDigit(unit >> 4 & 0xF))
        append(Self.hexDigit(unit & 0xF))
    }

    private static func hexDigit(_ value: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: value)
        return value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
