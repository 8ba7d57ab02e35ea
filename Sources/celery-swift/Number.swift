import Celery

/// An integer or a float, as Python's arithmetic takes either. Integers beyond `Int` are refused.
enum Number: Codable, Sendable {
    case integer(Int)
    case float(Double)

    init(from decoder: any Decoder) throws {
        switch try JSONValue(from: decoder) {
        case .integer(let value): self = .integer(value)
        case .double(let value): self = .float(value)
        case .bool(let value): self = .integer(value ? 1 : 0)
        case let other:
            throw TaskFailure(type: "TypeError", message: "\(PythonRepr.quoted(other)) is not a number that fits")
        }
    }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .integer(let value): try value.encode(to: encoder)
        case .float(let value): try value.encode(to: encoder)
        }
    }

    func adding(_ other: Number) throws -> Number {
        try combined(other, integers: { $0.addingReportingOverflow($1) }, floats: +)
    }

    func multiplied(by other: Number) throws -> Number {
        try combined(other, integers: { $0.multipliedReportingOverflow(by: $1) }, floats: *)
    }

    private func combined(
        _ other: Number,
        integers: (Int, Int) -> (partialValue: Int, overflow: Bool),
        floats: (Double, Double) -> Double
    ) throws -> Number {
        guard case .integer(let left) = self, case .integer(let right) = other else {
            return .float(floats(float, other.float))
        }
        let (value, overflow) = integers(left, right)
        guard !overflow else {
            throw TaskFailure(type: "OverflowError", message: "the result does not fit 64 bits")
        }
        return .integer(value)
    }

    /// The number as seconds to wait, refused in the words of Python's `time.sleep`.
    func asPause() throws -> Duration {
        let seconds = float
        guard !seconds.isNaN else { throw TaskFailure(type: "ValueError", message: "Invalid value NaN (not a number)") }
        // So many seconds fit 64 bits of nanoseconds, which is Python's limit.
        guard seconds.magnitude < 9_223_372_036 else {
            throw TaskFailure(type: "OverflowError", message: "timestamp out of range for platform time_t")
        }
        guard seconds >= 0 else {
            throw TaskFailure(type: "ValueError", message: "sleep length must be non-negative")
        }
        return .seconds(seconds)
    }

    /// The value as a float.
    var float: Double {
        switch self {
        case .integer(let value): Double(value)
        case .float(let value): value
        }
    }
}
