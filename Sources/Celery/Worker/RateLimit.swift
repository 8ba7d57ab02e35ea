internal import CeleryProtocol

/// How often tasks of one name may start in a worker: Celery's `rate_limit`.
public struct RateLimit: Sendable, Hashable, CustomStringConvertible {
    /// No limit, also where the worker has one for all tasks.
    public static let none = RateLimit(perSecond: 0, "0")

    let perSecond: Double
    /// As Celery writes it, such as `10/m`.
    public let description: String

    private init(perSecond: Double, _ description: String) {
        self.perSecond = max(0, perSecond)
        self.description = description
    }

    /// So many a second; what is not above zero is no limit.
    public static func perSecond(_ count: Double) -> RateLimit { RateLimit(perSecond: count, "\(text(count))/s") }
    /// So many a minute.
    public static func perMinute(_ count: Double) -> RateLimit { RateLimit(perSecond: count / 60, "\(text(count))/m") }
    /// So many an hour.
    public static func perHour(_ count: Double) -> RateLimit { RateLimit(perSecond: count / 3600, "\(text(count))/h") }

    /// Whether it is no limit.
    var isNone: Bool { !(perSecond > 0) }

    private static func text(_ count: Double) -> String { Int(exactly: count).map(String.init) ?? "\(count)" }

    /// A decimal number: `Double` reads others too.
    private static func number(_ text: Substring) -> Double? {
        text.allSatisfy("0123456789.+-eE".contains) ? Double(text) : nil
    }

    /// Reads a limit as Celery writes it, such as `10/m`; `nil` for what is none.
    public init?(_ text: String) {
        do throws(ControlError) { try self.init(.string(text)) } catch { return nil }
    }

    /// Reads a limit as Celery writes it: a number of tasks a second, or a text such as `10/m`. What is empty is no limit.
    ///
    /// - Throws: ``ControlError``, as Python fails.
    init(_ value: JSONValue) throws(ControlError) {
        if !value.isTruthy {
            self = .none
        } else if let number = value.doubleValue {
            self.init(perSecond: number, Self.text(number))
        } else if let text = value.stringValue {
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let unit = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : "s"
            guard let seconds = ["s": 1.0, "m": 60, "h": 3600][unit] else { throw ControlError("KeyError", unit) }
            guard let count = Self.number(parts[0]), count >= 0 else {
                throw ControlError(
                    "ValueError",
                    "could not convert string to float: \(PythonRepr.quoted(String(parts[0])))")
            }
            self.init(perSecond: count / seconds, text)
        } else {
            throw ControlError("ValueError", "a rate limit is a number or a text, not \(PythonRepr.quoted(value))")
        }
        guard perSecond.isFinite else { throw ControlError("ValueError", "a rate limit must be finite") }
    }
}
