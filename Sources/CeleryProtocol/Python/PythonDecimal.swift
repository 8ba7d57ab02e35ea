/// A number as Python's `Decimal` has it: its digits exactly as given, zeros at the end included.
struct PythonDecimal: Hashable {
    enum Kind: Hashable {
        /// Digits without leading zeros, times a power of ten.
        case finite(digits: String, exponent: Int)
        case infinity
        /// A quiet or signalling NaN with its payload.
        case notANumber(isSignalling: Bool, payload: String)
    }

    let isNegative: Bool
    let kind: Kind

    /// Reads what `Decimal(text)` reads; underscores between digits are allowed there as well.
    init(_ text: String) throws(PythonValueError) {
        guard let parsed = Self(parsing: text) else {
            throw PythonValueError("invalid decimal \(PythonRepr.quoted(text))")
        }
        self = parsed
    }

    private init?(parsing text: String) {
        var rest = Substring(text.filter { $0 != "_" })
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        isNegative = rest.first == "-"
        if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
        switch rest.lowercased() {
        case "inf", "infinity":
            kind = .infinity
        case let name where name.hasPrefix("nan") || name.hasPrefix("snan"):
            let isSignalling = name.hasPrefix("s")
            let payload = name.dropFirst(isSignalling ? 4 : 3)
            guard payload.utf8.allSatisfy(JSONBytes.isDigit) else { return nil }
            kind = .notANumber(isSignalling: isSignalling, payload: String(payload.drop { $0 == "0" }))
        default:
            let parts = rest.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
            guard let mantissa = parts.first, let power = parts.count > 1 ? Self.exponent(parts[1]) : 0 else {
                return nil
            }
            let pieces = mantissa.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard let whole = pieces.first else { return nil }
            let fraction = pieces.count > 1 ? pieces[1] : ""
            let digits = whole + fraction
            guard !digits.isEmpty, digits.utf8.allSatisfy(JSONBytes.isDigit) else { return nil }
            let significant = digits.drop { $0 == "0" }
            kind = .finite(
                digits: significant.isEmpty ? "0" : String(significant),
                exponent: power - fraction.utf8.count
            )
        }
    }

    /// An exponent within Python's bounds.
    private static func exponent(_ text: Substring) -> Int? {
        guard text.utf8.count <= 19, let exponent = Int(text), exponent.magnitude < 1_000_000_000_000_000_000 else {
            return nil
        }
        return exponent
    }

    /// What `str(value)` gives.
    var text: String {
        let sign = isNegative ? "-" : ""
        switch kind {
        case .infinity: return sign + "Infinity"
        case .notANumber(let isSignalling, let payload): return sign + (isSignalling ? "sNaN" : "NaN") + payload
        case .finite(let digits, let exponent):
            // The point stands behind this many digits, unless that takes more than five zeros or an exponent.
            let point = exponent + digits.utf8.count
            guard exponent <= 0, point > -6 else {
                let fraction = digits.dropFirst()
                let power = point - 1
                return sign + digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction)
                    + (power < 0 ? "E\(power)" : "E+\(power)")
            }
            if exponent == 0 { return sign + digits }
            if point > 0 { return sign + digits.prefix(point) + "." + digits.dropFirst(point) }
            return sign + "0." + String(repeating: "0", count: -point) + digits
        }
    }
}
