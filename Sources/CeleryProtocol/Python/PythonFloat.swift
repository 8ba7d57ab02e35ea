/// Floats as Python's `repr` writes them: the fewest digits that read back to the same float, with an exponent from
/// 1e16 on and below 1e-4.
enum PythonFloat {
    /// No float needs more bytes than this.
    static let maximumLength = 32

    /// The text of a float.
    static func text(_ value: Double, infinity: StaticString = "inf", notANumber: StaticString = "nan") -> String {
        String(unsafeUninitializedCapacity: maximumLength) {
            write(value, infinity: infinity, notANumber: notANumber, to: UnsafeMutableRawBufferPointer($0))
        }
    }

    /// Writes a float into `output`, which has room for `maximumLength` bytes, and returns the length.
    static func write(
        _ value: Double,
        infinity: StaticString,
        notANumber: StaticString,
        to output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var text = Output(buffer: output)
        guard !value.isNaN else {
            text.append(notANumber)
            return text.count
        }
        if value.sign == .minus { text.append("-") }
        guard value.isFinite else {
            text.append(infinity)
            return text.count
        }
        // Swift finds the same shortest digits but sets the limits for the exponent elsewhere.
        var digits = Digits(value.magnitude.description)
        digits.normalize()
        write(digits, to: &text)
        return text.count
    }

    private static func write(_ digits: borrowing Digits, to text: inout Output) {
        let count = digits.count
        // The decimal point stands behind this many digits.
        let point = digits.point
        switch point {
        case -3...0:
            text.append("0.")
            for _ in 0..<(-point) { text.append("0") }
            for index in 0..<count { text.append(digits[index]) }
        case 1...16:
            for index in 0..<max(count, point) {
                if index == point { text.append(".") }
                text.append(index < count ? digits[index] : UInt8(ascii: "0"))
            }
            if count <= point { text.append(".0") }
        default:
            text.append(digits[0])
            if count > 1 { text.append(".") }
            for index in 1..<max(count, 1) { text.append(digits[index]) }
            let exponent = point - 1
            text.append(exponent < 0 ? "e-" : "e+")
            let magnitude = UInt8(truncatingIfNeeded: exponent.magnitude % 100)
            if exponent.magnitude >= 100 {
                text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: exponent.magnitude / 100))
            }
            text.append(UInt8(ascii: "0") + magnitude / 10)
            text.append(UInt8(ascii: "0") + magnitude % 10)
        }
    }
}

extension PythonFloat {
    /// The significant digits of a float and where the decimal point stands.
    private struct Digits: ~Copyable {
        private var digits = SIMD32<UInt8>(repeating: UInt8(ascii: "0"))
        private(set) var count = 0
        private(set) var point = 0

        /// From a description such as `12.5`, `0.001`, `5e-324` or `1.5e+20`.
        init(_ description: String) {
            var sawPoint = false
            var exponent = 0
            var isExponentNegative = false
            var inExponent = false
            for byte in description.utf8 {
                switch byte {
                case UInt8(ascii: "."): sawPoint = true
                case UInt8(ascii: "e"): inExponent = true
                case UInt8(ascii: "-"): isExponentNegative = true
                case _ where !JSONBytes.isDigit(byte): break
                case _ where inExponent: exponent = exponent * 10 + Int(byte - UInt8(ascii: "0"))
                default:
                    if count == 0, byte == UInt8(ascii: "0") {
                        // A leading zero only moves the point.
                        if sawPoint { point -= 1 }
                    } else if count < 32 {
                        digits[count] = byte
                        count += 1
                        if !sawPoint { point += 1 }
                    }
                }
            }
            point += isExponentNegative ? -exponent : exponent
        }

        /// Drops the zeros at the end; zero itself keeps one digit.
        mutating func normalize() {
            while count > 0, digits[count - 1] == UInt8(ascii: "0") { count -= 1 }
            if count == 0 { (count, point) = (1, 1) }
        }

        subscript(index: Int) -> UInt8 { digits[index] }
    }

    private struct Output {
        let buffer: UnsafeMutableRawBufferPointer
        var count = 0

        mutating func append(_ byte: UInt8) {
            guard count < buffer.count else { return }
            buffer[count] = byte
            count += 1
        }

        mutating func append(_ text: StaticString) {
            text.withUTF8Buffer { for byte in $0 { append(byte) } }
        }
    }
}
