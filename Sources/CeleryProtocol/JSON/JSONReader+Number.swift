extension JSONReader {
    /// Python refuses to read longer integers, as the work grows with the square of their length.
    static let maximumDigits = 4300

    private static let exactPowers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    /// Reads an integer or a float. As in Python a float is what has a fraction or an exponent.
    mutating func readNumber() throws(JSONError) -> JSONValue {
        let start = position
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { position += 1 }
        guard JSONBytes.isDigit(current) else { throw error("expected a digit") }

        var mantissa: UInt64 = 0
        let firstDigit = position
        if current == UInt8(ascii: "0") {
            position += 1
        } else {
            readDigits(into: &mantissa)
        }
        let integerDigits = position - firstDigit

        var fractionDigits = 0
        if current == UInt8(ascii: "."), position + 1 < bytes.count, JSONBytes.isDigit(bytes[position + 1]) {
            position += 1
            let firstFractionDigit = position
            readDigits(into: &mantissa)
            fractionDigits = position - firstFractionDigit
        }
        let exponent = readExponent()
        if fractionDigits == 0, exponent == nil {
            return try integer(from: start, digits: integerDigits, mantissa, isNegative: isNegative)
        }

        // Both the digits and the power of ten are exact floats here, so that one rounding gives the right result.
        if let power = exponent ?? 0, integerDigits + fractionDigits <= 18, mantissa < 1 << 53 {
            let scale = power - fractionDigits
            if scale >= -22, scale <= 22 {
                let magnitude =
                    scale < 0 ? Double(mantissa) / Self.exactPowers[-scale] : Double(mantissa) * Self.exactPowers[scale]
                return .double(isNegative ? -magnitude : magnitude)
            }
        }
        guard let value = Double(text(from: start)) else { throw error("malformed number", at: start) }
        return .double(value)
    }

    /// Reads digits; the mantissa is meaningless once there were more than eighteen of them.
    @inline(__always) private mutating func readDigits(into mantissa: inout UInt64) {
        while position < bytes.count {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit < 10 else { return }
            mantissa = mantissa &* 10 &+ UInt64(digit)
            position += 1
        }
    }

    /// Reads an exponent: `nil` if there is none, `.some(nil)` if it is too long to matter here.
    private mutating func readExponent() -> Int?? {
        guard current | 0x20 == UInt8(ascii: "e") else { return nil }
        var next = position + 1
        var isNegative = false
        if next < bytes.count, bytes[next] == UInt8(ascii: "+") || bytes[next] == UInt8(ascii: "-") {
            isNegative = bytes[next] == UInt8(ascii: "-")
            next += 1
        }
        guard next < bytes.count, JSONBytes.isDigit(bytes[next]) else { return nil }
        position = next
        var magnitude: UInt64 = 0
        readDigits(into: &magnitude)
        guard position - next <= 4 else { return .some(nil) }
        return isNegative ? -Int(magnitude) : Int(magnitude)
    }

    private mutating func integer(
        from start: Int,
        digits: Int,
        _ magnitude: UInt64,
        isNegative: Bool
    ) throws(JSONError) -> JSONValue {
        if digits <= 18 {
            return .integer(isNegative ? -Int(magnitude) : Int(magnitude))
        }
        guard digits <= Self.maximumDigits else {
            throw error("integer of more than \(Self.maximumDigits) digits", at: start)
        }
        let text = text(from: start)
        if let value = Int(text) { return .integer(value) }
        try charge(Self.blockSize)
        return .bigInteger(text)
    }

    private func text(from start: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
    }
}
