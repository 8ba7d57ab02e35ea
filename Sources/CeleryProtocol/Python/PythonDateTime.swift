#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A date and time as Python's `datetime` has it: years 1 to 9999, microseconds, with an offset from UTC or naive.
public struct PythonDateTime: Sendable, Hashable {
    /// The year, 1 to 9999.
    public let year: Int
    /// The month, 1 to 12.
    public let month: Int
    /// The day of the month, from 1.
    public let day: Int
    /// The hour, 0 to 23.
    public let hour: Int
    /// The minute, 0 to 59.
    public let minute: Int
    /// The second, 0 to 59; Python has no leap seconds.
    public let second: Int
    /// The microsecond, 0 to 999,999.
    public let microsecond: Int
    /// How many microseconds the clock is ahead of UTC; `nil` for a naive time.
    let offsetMicroseconds: Int?

    static let microsecondsPerDay = 86_400_000_000

    /// A date and time of its parts, checked as Python checks them.
    init(
        year: Int,
        month: Int,
        day: Int,
        hour: Int = 0,
        minute: Int = 0,
        second: Int = 0,
        microsecond: Int = 0,
        offset: Int? = nil
    ) throws(PythonValueError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(PythonValueError) {
            if !range.contains(value) { throw PythonValueError("\(name) \(value) is out of range") }
        }
        try check("year", year, 1...9999)
        try check("month", month, 1...12)
        try check("day", day, 1...CivilDate.days(inMonth: month, year: year))
        try check("hour", hour, 0...23)
        try check("minute", minute, 0...59)
        try check("second", second, 0...59)
        try check("microsecond", microsecond, 0...999_999)
        if let offset {
            try check("offset", offset, 1 - Self.microsecondsPerDay...Self.microsecondsPerDay - 1)
        }
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second, self.microsecond) = (hour, minute, second, microsecond)
        offsetMicroseconds = offset
    }

    /// How far the clock is ahead of UTC, less than a day; `nil` for a naive time.
    public var offset: Duration? { offsetMicroseconds.map { .microseconds($0) } }

    /// A moment in UTC, counted in microseconds from the start of 1970. Fails outside the years 1 to 9999.
    package init(microsecondsSince1970 microseconds: Int) throws(PythonValueError) {
        try self.init(microseconds, offset: 0)
    }

    /// A moment in UTC without saying so, as Python reads AMQP's times. Fails after the year 9999.
    package init(naiveSecondsSince1970 seconds: UInt64) throws(PythonValueError) {
        let (microseconds, isTooFar) = Int(clamping: seconds).multipliedReportingOverflow(by: 1_000_000)
        try self.init(isTooFar ? .max : microseconds, offset: nil)
    }

    private init(_ microseconds: Int, offset: Int?) throws(PythonValueError) {
        let (days, rest) = CivilDate.divide(microseconds, by: Self.microsecondsPerDay)
        guard days >= CivilDate.days(year: 1, month: 1, day: 1), days <= CivilDate.days(year: 9999, month: 12, day: 31)
        else { throw PythonValueError("the time is outside the years 1 to 9999") }
        (year, month, day) = CivilDate.date(days: days)
        hour = rest / 3_600_000_000
        minute = rest / 60_000_000 % 60
        second = rest / 1_000_000 % 60
        microsecond = rest % 1_000_000
        offsetMicroseconds = offset
    }

    /// A moment in UTC, rounded to the microsecond. Fails outside the years 1 to 9999.
    public init(_ date: Date) throws(PythonValueError) {
        let seconds = date.timeIntervalSinceReferenceDate
        guard abs(seconds) < 1e12 else { throw PythonValueError("the time is outside the years 1 to 9999") }
        // The fraction by itself: in one product with the seconds its last digits would be lost before it is rounded.
        let whole = seconds.rounded(.down)
        let microseconds = Int(((seconds - whole) * 1e6).rounded(.toNearestOrEven))
        try self.init(microsecondsSince1970: Int(whole) * 1_000_000 + microseconds + Self.referenceMicroseconds)
    }

    /// The moment in microseconds from the start of 1970. `assumedOffset` is how far the clock of a naive time is
    /// ahead of UTC; Celery's is UTC.
    package func microsecondsSince1970(assumingOffset assumedOffset: Duration = .zero) -> Int {
        let days = CivilDate.days(year: year, month: month, day: day)
        let clock = ((hour * 60 + minute) * 60 + second) * 1_000_000 + microsecond
        let local = days * Self.microsecondsPerDay + clock
        if let offsetMicroseconds { return local - offsetMicroseconds }
        // Whatever offset a caller assumes, the sum stays in range.
        return local - Int(min(max(assumedOffset, .seconds(-86_400)), .seconds(86_400)) / .microseconds(1))
    }

    /// The moment. `assumedOffset` is how far the clock of a naive time is ahead of UTC; Celery's is UTC.
    public func date(assumingOffset assumedOffset: Duration = .zero) -> Date {
        // Foundation counts from 2001; with one division the microsecond survives for some centuries around now.
        let microseconds = microsecondsSince1970(assumingOffset: assumedOffset) - Self.referenceMicroseconds
        return Date(timeIntervalSinceReferenceDate: Double(microseconds) / 1e6)
    }

    /// From 1970 to 2001, where Foundation's dates start.
    private static let referenceMicroseconds = 978_307_200_000_000
}
