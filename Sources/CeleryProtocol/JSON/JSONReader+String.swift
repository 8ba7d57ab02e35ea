extension JSONReader {
    /// Where the contents of a string stand, between its quotes, and what they are.
    struct ScannedString {
        var contents: Range<Int>
        var hasEscapes = false
        /// Whether no byte is beyond ASCII; escapes may stand for more.
        var isASCII = true
    }

    /// Finds the end of the string that starts here, checking its escapes and its UTF-8; the reader is then behind
    /// the closing quote.
    mutating func scanString() throws(JSONError) -> ScannedString {
        let start = position + 1
        var scanned = ScannedString(contents: start..<start)
        position = start
        while true {
            skipPlainBytes()
            guard position < bytes.count else { throw error("unterminated string", at: start - 1) }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                scanned.contents = start..<position - 1
                return scanned
            case UInt8(ascii: "\\"):
                scanned.hasEscapes = true
                try skipEscape()
            case 0x80...:
                scanned.isASCII = false
                try skipMultibyte()
            default:
                throw error("control character in a string")
            }
        }
    }

    /// Steps over bytes that stand for themselves, eight at a time.
    @inline(__always) private mutating func skipPlainBytes() {
        while position <= bytes.count - 8 {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let special = JSONBytes.special(in: word)
            if special != 0 {
                position += special.trailingZeroBitCount / 8
                return
            }
            position += 8
        }
        while position < bytes.count, !JSONBytes.isSpecial(bytes[position]) { position += 1 }
    }

    private mutating func skipEscape() throws(JSONError) {
        let start = position
        position += 1
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            for _ in 0..<4 {
                guard JSONBytes.hexValue(current) != nil else { throw error("invalid \\u escape", at: start) }
                position += 1
            }
        default:
            throw error("invalid escape", at: start)
        }
    }

    /// Steps over one character of two to four bytes, checked as Python's strict UTF-8 decoder checks it.
    private mutating func skipMultibyte() throws(JSONError) {
        let first = bytes[position]
        let second = position + 1 < bytes.count ? bytes[position + 1] : 0
        let length: Int
        let allowed: ClosedRange<UInt8>
        switch first {
        case 0xC2...0xDF: (length, allowed) = (2, 0x80...0xBF)
        case 0xE0: (length, allowed) = (3, 0xA0...0xBF)
        case 0xED: (length, allowed) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, allowed) = (3, 0x80...0xBF)
        case 0xF0: (length, allowed) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, allowed) = (4, 0x80...0xBF)
        case 0xF4: (length, allowed) = (4, 0x80...0x8F)
        default: throw error("invalid UTF-8")
        }
        guard position + length <= bytes.count, allowed.contains(second) else { throw error("invalid UTF-8") }
        for offset in 2..<length where bytes[position + offset] & 0xC0 != 0x80 {
            throw error("invalid UTF-8")
        }
        position += length
    }

    /// A string of bytes that `scanString` has checked, without escapes.
    @inline(__always) static func string(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// The string that bytes with escapes stand for; `scanString` has checked them.
    static func unescaped(_ bytes: UnsafeRawBufferPointer) -> JSONValue {
        var hasLoneSurrogate = false
        let string = String(unsafeUninitializedCapacity: bytes.count) { output in
            // No escape is shorter than what it stands for.
            var written = 0
            var position = 0
            while position < bytes.count {
                let byte = bytes[position]
                guard byte == UInt8(ascii: "\\") else {
                    output[written] = byte
                    (written, position) = (written + 1, position + 1)
                    continue
                }
                let code = escapedCode(bytes, &position)
                guard let scalar = Unicode.Scalar(code) else {
                    hasLoneSurrogate = true
                    return 0
                }
                for unit in UTF8.encode(scalar).map(Array.init) ?? [] {
                    output[written] = unit
                    written += 1
                }
            }
            return written
        }
        return hasLoneSurrogate ? .surrogateString(unescapedUnits(bytes)) : .string(string)
    }

    /// The UTF-16 code units that bytes with escapes stand for.
    private static func unescapedUnits(_ bytes: UnsafeRawBufferPointer) -> [UInt16] {
        var units: [UInt16] = []
        var position = 0
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "\\") {
                let code = escapedCode(bytes, &position)
                if let scalar = Unicode.Scalar(code) {
                    units.append(contentsOf: String(scalar).utf16)
                } else {
                    units.append(UInt16(truncatingIfNeeded: code))
                }
            } else {
                let end = bytes[position...].firstIndex(of: UInt8(ascii: "\\")) ?? bytes.count
                units.append(contentsOf: String(decoding: bytes[position..<end], as: UTF8.self).utf16)
                position = end
            }
        }
        return units
    }

    /// The code point of the escape at `position`, which moves behind it; two escapes may make one pair.
    private static func escapedCode(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> UInt32 {
        let kind = position + 1 < bytes.count ? bytes[position + 1] : 0
        guard kind == UInt8(ascii: "u") else {
            position += 2
            switch kind {
            case UInt8(ascii: "b"): return 0x08
            case UInt8(ascii: "f"): return 0x0C
            case UInt8(ascii: "n"): return 0x0A
            case UInt8(ascii: "r"): return 0x0D
            case UInt8(ascii: "t"): return 0x09
            default: return UInt32(kind)
            }
        }
        let first = hexCode(bytes, at: position + 2)
        position += 6
        guard first >= 0xD800, first <= 0xDBFF, position + 6 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return first }
        let second = hexCode(bytes, at: position + 2)
        guard second >= 0xDC00, second <= 0xDFFF else { return first }
        position += 6
        return 0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00))
    }

    private static func hexCode(_ bytes: UnsafeRawBufferPointer, at start: Int) -> UInt32 {
        var code: UInt32 = 0
        for index in start..<min(start + 4, bytes.count) {
            code = code << 4 | UInt32(JSONBytes.hexValue(bytes[index]) ?? 0)
        }
        return code
    }
}
