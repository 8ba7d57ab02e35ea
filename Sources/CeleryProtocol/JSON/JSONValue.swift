/// A JSON value as Python's `json` module knows it.
///
/// Python writes integers of any size, tells `1` from `1.0`, writes `NaN` and the infinities, and lets strings hold
/// lone surrogates. Each of these has a case of its own, so that a value that is only passed on stays what it was.
public enum JSONValue: Sendable, Hashable {
    /// `null`, Python's `None`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// An integer that fits Swift's `Int`.
    case integer(Int)
    /// An integer that does not fit `Int`: its decimal digits, with a leading `-` when it is negative.
    case bigInteger(String)
    /// A float; written with a fraction or an exponent, or as `NaN`, `Infinity`, `-Infinity`.
    case double(Double)
    /// A string that is valid Unicode.
    case string(String)
    /// A string with lone surrogates, which Swift's `String` cannot hold: its UTF-16 code units.
    case surrogateString([UInt16])
    /// An array; Python's lists and tuples.
    case array([JSONValue])
    /// An object; Python's dictionaries with their order.
    case object(JSONObject)
}

extension JSONValue {
    /// The string, or `nil` for any other kind of value.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The integer, or `nil` for any other kind of value, a float and an integer beyond `Int` among them.
    public var integerValue: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The number as a float, for floats and integers; `nil` for any other kind of value.
    public var doubleValue: Double? {
        switch self {
        case .double(let value): value
        case .integer(let value): Double(value)
        case .bigInteger(let digits): Double(digits)
        default: nil
        }
    }

    /// The Boolean, or `nil` for any other kind of value.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements, or `nil` for any other kind of value.
    public var arrayValue: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The object, or `nil` for any other kind of value.
    public var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// Whether the value is `null`.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// What Python's `bool(value)` gives: false for `null`, `false`, zero and everything empty.
    public var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .bigInteger: true
        case .double(let value): value != 0
        case .string(let value): !value.isEmpty
        case .surrogateString(let value): !value.isEmpty
        case .array(let value): !value.isEmpty
        case .object(let value): !value.isEmpty
        }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `null`.
    public init(nilLiteral: ()) { self = .null }
    /// A Boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An integer.
    public init(integerLiteral value: Int) { self = .integer(value) }
    /// A float.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object; of a key given twice the last value counts.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
}
