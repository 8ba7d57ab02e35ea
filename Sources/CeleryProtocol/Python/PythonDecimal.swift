/// A number as Python's `Decimal` has it: its digits exactly as given, zeros at the end included, however many there are.
///
/// Foundation's `Decimal` drops the zeros at the end (`12.50` becomes `12.5`, which is equal) and holds 38 digits: a
/// parameter or a result that must keep its digits is declared as `PythonDecimal`. Two are equal when their texts are.
public struct PythonDecimal: Sendable, Hashable {
    enum Kind: Hashable {
        /// Digits without leading zeros, times a power of ten.
        case finite(digits: String, exponent: Int)
        case infinity
        /// A quiet or signalling NaN with its payload.
        case notANumber(isSignalling: Bool, payload: String)
    }

    /// Whether it has a minus sign; zero and NaN may have one.
    public let isNegative: Bool
    let kind: Kind

    /// Reads what `Decimal(text)` reads: `12.50`, `1E+5`, `-Infinity`, `NaN`; underscores between digits are allowed
    /// there as well.
    ///
    /// - Throws: ``PythonValueError`` for any other text.
    public init(_ text: String) throws(PythonValueError) {
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
        // No word is longer, but for the digits after NaN.
        switch rest.prefix(8).lowercased() {
        case "inf":
            kind = .infinity
        case "infinity" where rest.utf8.count == 8:
            kind = .infinity
        case let name where name.hasPrefix("nan") || name.hasPrefix("snan"):
            let isSignalling = name.hasPrefix("s")
            let payload = rest.dropFirst(isSignalling ? 4 : 3)
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

    /// What Python's `str(value)` gives.
    public var text: String {
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

extension PythonDecimal: CustomStringConvertible {
    /// What Python's `str(value)` gives.
    public var description: String { text }
}

extension PythonDecimal: Codable {
    /// From a tagged `decimal`, its text, or a number, with ``JSONValueDecoder``; from the text with other decoders.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(try container.decode(String.self))
        } catch let error as PythonValueError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(error)")
        }
    }

    /// Python's `Decimal` with ``JSONValueEncoder``; the text with other encoders.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
