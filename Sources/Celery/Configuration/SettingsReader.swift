internal import CeleryProtocol
internal import Logging

/// Takes settings one by one; each is read or is an error that names it. What is left nobody has asked for.
struct SettingsReader {
    private(set) var rest: JSONObject

    init(_ settings: JSONObject) { rest = settings }

    /// The value of a setting; `nil` when it is not there.
    mutating func take(_ name: String) -> JSONValue? {
        guard let value = rest[name] else { return nil }
        rest[name] = nil
        return value
    }

    /// A text; `nil` when it is not there or is null.
    mutating func text(_ name: String) throws -> String? {
        try take(name, "a text") { $0.stringValue }
    }

    /// A truth value; numbers and Python's words for it do as well, as in environment variables.
    mutating func bool(_ name: String) throws -> Bool? {
        try take(name, "true or false", Self.bool)
    }

    /// A whole number from `least` to `most`.
    mutating func integer(_ name: String, least: Int, most: Int = .max) throws -> Int? {
        try take(name, "a whole number \(most == .max ? "of at least \(least)" : "from \(least) to \(most)")") {
            value in
            let number = value.integerValue ?? value.stringValue.flatMap { Int($0) }
            return number.flatMap { (least...most).contains($0) ? $0 : nil }
        }
    }

    /// A number of seconds, zero or more.
    mutating func seconds(_ name: String) throws -> Duration? {
        try take(name, "a number of seconds") { value in
            let number = value.doubleValue ?? value.stringValue.flatMap { Double($0) }
            return number.flatMap(Duration.init(seconds:)).flatMap { $0 >= .zero ? $0 : nil }
        }
    }

    /// A log level by its name; Python's names do as well.
    mutating func level(_ name: String) throws -> Logger.Level? {
        try take(name, "the name of a log level") { value in
            guard let text = value.stringValue?.lowercased() else { return nil }
            return text == "fatal" ? .critical : Logger.Level(rawValue: text)
        }
    }

    /// A table of values by name, also as a text of JSON.
    mutating func object(_ name: String) throws -> JSONObject? {
        try take(name, "a table of names and values") { Self.parsed($0).objectValue }
    }

    /// Takes a setting that has one value here. Any other one stays, as a setting that is not obeyed.
    mutating func drop(_ name: String, if isObeyed: (JSONValue) -> Bool) {
        if let value = rest[name], isObeyed(value) { rest[name] = nil }
    }

    /// Leaves a setting as one that is not obeyed, or not in all of its parts.
    mutating func putBack(_ name: String, _ value: JSONValue) { rest[name] = value }

    private mutating func take<Value>(_ name: String, _ kind: String, _ read: (JSONValue) -> Value?) throws -> Value? {
        guard let value = take(name), !value.isNull else { return nil }
        guard let result = read(value) else { throw Self.invalid(name, "must be \(kind)") }
        return result
    }

    /// An error that names the setting, never its value: that may be a password.
    static func invalid(_ name: String, _ reason: String) -> CeleryError {
        CeleryError(.invalidSetting, "the setting \(name) \(reason)")
    }

    /// What stands in a text that is JSON: structured values come so from environment variables.
    static func parsed(_ value: JSONValue) -> JSONValue {
        guard let text = value.stringValue, let first = text.utf8.first, "[{".utf8.contains(first) else { return value }
        do {
            return try JSONValue(json: text)
        } catch {
            return value
        }
    }

    static func bool(_ value: JSONValue) -> Bool? {
        switch value {
        case .bool(let value): return value
        case .integer(0): return false
        case .integer(1): return true
        case .string(let text):
            switch text.lowercased() {
            case "true", "yes", "on", "1": return true
            case "false", "no", "off", "0": return false
            default: return nil
            }
        default: return nil
        }
    }
}
