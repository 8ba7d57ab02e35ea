#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension PythonDecimal: DirectlyEncodable, DirectlyDecodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue { TaggedValue.object("decimal", .string(text)) }

    /// From a tagged `decimal`, its text, or a number.
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        switch (try TaggedValue.reading(value, at: path), value) {
        case (.decimal(let tagged)?, _): self = tagged
        case (nil, .string), (nil, .integer), (nil, .bigInteger), (nil, .double):
            let text = if case .string(let text) = value { text } else { PythonRepr.scalarText(value) }
            do {
                try self.init(text)
            } catch {
                throw DecodingError.unfit("\(error)", at: path)
            }
        default: throw DecodingError.mismatch(Decimal.self, expected: "Decimal", value, at: path)
        }
    }
}

extension Decimal: DirectlyEncodable, DirectlyDecodable {
    func jsonValue(at path: () -> CodingPath) -> JSONValue {
        TaggedValue.object("decimal", .string(isNaN ? "NaN" : description))
    }

    /// From what a ``PythonDecimal`` is read from. What is not equal to any `Decimal` of Swift is an error: more than 38
    /// digits, exponents beyond its range, infinities, and NaNs that say more than that they are none.
    init(json value: JSONValue, at path: () -> CodingPath) throws {
        let decimal = try PythonDecimal(json: value, at: path)
        guard let exact = decimal.decimal else {
            throw DecodingError.unfit(
                "Decimal \(PythonRepr.quoted(decimal.text)) does not fit Swift's Decimal", at: path)
        }
        self = exact
    }
}

extension PythonDecimal {
    /// The `Decimal` that is equal; `nil` if there is none. Zeros at the end, and the sign of a zero, make no difference
    /// between equal ones.
    public var decimal: Decimal? {
        switch kind {
        case .infinity: return nil
        case .notANumber(let isSignalling, let payload):
            return isSignalling || isNegative || !payload.isEmpty ? nil : .nan
        case .finite(let digits, let exponent):
            let (significant, power) = Self.reduced(digits, exponent)
            if significant == "0" { return 0 }
            // The longest that any holds; more would only be cut.
            guard significant.utf8.count <= 39, let parsed = Decimal(string: "\(significant)E\(power)") else {
                return nil
            }
            let value = isNegative ? -parsed : parsed
            return PythonDecimal(value).isEqual(to: self) ? value : nil
        }
    }

    /// The number that a `Decimal` is.
    public init(_ decimal: Decimal) {
        if decimal.isNaN {
            (isNegative, kind) = (false, .notANumber(isSignalling: false, payload: ""))
        } else {
            isNegative = decimal.sign == .minus && !decimal.isZero
            kind = .finite(digits: decimal.significand.magnitude.description, exponent: decimal.exponent)
        }
    }

    private func isEqual(to other: PythonDecimal) -> Bool {
        guard case .finite(let digits, let exponent) = kind, case .finite(let others, let power) = other.kind else {
            return false
        }
        return isNegative == other.isNegative && Self.reduced(digits, exponent) == Self.reduced(others, power)
    }

    /// The digits without zeros at the end, and the exponent that makes up for them.
    private static func reduced(_ digits: String, _ exponent: Int) -> (digits: Substring, exponent: Int) {
        let zeros = digits.utf8.reversed().prefix { $0 == UInt8(ascii: "0") }.count
        return zeros == digits.utf8.count ? ("0", 0) : (digits.dropLast(zeros), exponent + zeros)
    }
}
