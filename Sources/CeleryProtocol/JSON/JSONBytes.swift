/// Questions about bytes that the reader and the writer share.
enum JSONBytes {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// The high bit of each byte that cannot stand for itself in a string: a quote, a backslash, a control character,
    /// or anything beyond ASCII. Bits above the lowest one may be wrong, as subtraction borrows from them.
    @inline(__always) static func special(in word: UInt64) -> UInt64 {
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let found = word | (quote &- ones) | (backslash &- ones) | (word &- ones &* 0x20)
        return found & highBits
    }

    /// As `special`, and the delete character, which Python escapes when it writes.
    @inline(__always) static func escaped(in word: UInt64) -> UInt64 {
        special(in: word) | (word &+ ones) & highBits
    }

    /// Whether a byte cannot stand for itself in a string.
    @inline(__always) static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == 0x22 || byte == 0x5C || byte >= 0x80
    }

    /// The value of a hexadecimal digit.
    @inline(__always) static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Whether a byte may stand between values.
    @inline(__always) static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// Whether a byte is a decimal digit.
    @inline(__always) static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}
