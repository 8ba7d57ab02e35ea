import Celery

/// Python's `+`, as far as values of JSON have one.
enum PythonSum {
    /// - Throws: ``TaskFailure`` of type `TypeError` for values that cannot be added, of `OverflowError` for integers that do
    ///   not fit `Int`, which Python's would.
    static func of(_ left: JSONValue, _ right: JSONValue) throws -> JSONValue {
        switch (number(left), number(right)) {
        case (.integer(let left)?, .integer(let right)?):
            let (sum, isTooLarge) = left.addingReportingOverflow(right)
            if isTooLarge { throw TaskFailure(type: "OverflowError", message: "the sum does not fit 64 bits") }
            return .integer(sum)
        case (let left?, let right?):
            if let left = left.doubleValue, let right = right.doubleValue { return .double(left + right) }
        default: break
        }
        switch (left, right) {
        case (.string(let left), .string(let right)): return .string(left + right)
        case (.array(let left), .array(let right)): return .array(left + right)
        default: throw TaskFailure(type: "TypeError", message: "unsupported operand types for +")
        }
    }

    /// Python's `sum`, which starts with an integer.
    static func of(_ values: [JSONValue]) throws -> JSONValue {
        try values.reduce(0) { try of($0, $1) }
    }

    /// The value as a number; Python's Booleans are integers.
    private static func number(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .integer, .double: value
        case .bool(let value): .integer(value ? 1 : 0)
        default: nil
        }
    }
}
