/// Reads ISO 8601 in the two dialects that Celery's Python uses.
///
/// Digits must be digits: that Python's `int()` also takes blanks, signs and underscores is not imitated.
struct ISOTimeParser {
    enum Dialect {
        case isoparse
        case fromISOFormat
    }

    struct Clock {
        var hour = 0
        var minute = 0
        var second = 0
        var microsecond = 0
        var offset: Int?
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private let dialect: Dialect
    private var position = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ dialect: Dialect) {
        self.bytes = bytes
        self.dialect = dialect
    }

    private var current: UInt8 { position < bytes.count ? bytes[position] : 0 }
    private var isAtEnd: Bool { position >= bytes.count }

    mutating func parseDateTime() throws(PythonValueError) -> PythonDateTime {
        guard !isAtEnd else { throw PythonValueError("it is empty") }
        let date = try parseDate()
        var clock = Clock()
        if !isAtEnd {
            try skipSeparator()
            clock = try parseClock()
        }
        let isEndOfDay =
            dialect == .isoparse && clock.hour == 24 && clock.minute == 0 && clock.second == 0 && clock.microsecond == 0
        if isEndOfDay { clock.hour = 0 }
        let time = try PythonDateTime(
            year: date.year,
            month: date.month,
            day: date.day,
            hour: clock.hour,
            minute: clock.minute,
            second: clock.second,
            microsecond: clock.microsecond,
            offset: clock.offset
        )
        return isEndOfDay ? try time.nextDay() : time
    }

    mutating func parseTime() throws(PythonValueError) -> Clock {
        if current == UInt8(ascii: "T") { position += 1 }
        return try parseClock()
    }

    // MARK: Date

    private mutating func parseDate() throws(PythonValueError) -> (year: Int, month: Int, day: Int) {
        let year = try number(4, "year")
        guard year > 0 else { throw PythonValueError("year 0 is out of range") }
        if isAtEnd, dialect == .isoparse { return (year, 1, 1) }
        let isDashed = skip(UInt8(ascii: "-"))
        if skip(UInt8(ascii: "W")) { return try parseWeek(year, isDashed) }
        if dialect == .isoparse, digitsAhead == 3 || !isDashed && digitsAhead == 0 { return try parseOrdinal(year) }

        let month = try number(2, "month")
        if isAtEnd, dialect == .isoparse, isDashed { return (year, month, 1) }
        if isDashed, !skip(UInt8(ascii: "-")) { throw PythonValueError("'-' expected after the month") }
        return (year, month, try number(2, "day"))
    }

    private mutating func parseWeek(_ year: Int, _ isDashed: Bool) throws(PythonValueError) -> (Int, Int, Int) {
        let week = try number(2, "week")
        var weekday = 1
        if hasWeekday(isDashed) {
            if isDashed, !skip(UInt8(ascii: "-")) { throw PythonValueError("'-' expected after the week") }
            weekday = try number(1, "weekday")
        }
        // dateutil takes a week 53 for every year.
        let lastWeek = dialect == .isoparse || CivilDate.hasWeek53(isoYear: year) ? 53 : 52
        guard week >= 1, week <= lastWeek, weekday >= 1, weekday <= 7 else {
            throw PythonValueError("the year has no such week or day")
        }
        return CivilDate.date(days: CivilDate.days(isoYear: year, week: week, weekday: weekday))
    }

    private func hasWeekday(_ isDashed: Bool) -> Bool {
        // dateutil takes no time after a week without a day.
        if dialect == .isoparse { return !isAtEnd }
        if !isDashed { return digitsAhead > 0 }
        // A dash before two digits stands between the date and an hour.
        return current == UInt8(ascii: "-") && digits(from: position + 1) < 2
    }

    private mutating func parseOrdinal(_ year: Int) throws(PythonValueError) -> (Int, Int, Int) {
        let day = try number(3, "day of the year")
        guard day >= 1, day <= (CivilDate.isLeap(year) ? 366 : 365) else {
            throw PythonValueError("the year has no day \(day)")
        }
        return CivilDate.date(days: CivilDate.days(year: year, month: 1, day: 1) + day - 1)
    }

    /// Any one character may stand between date and time; dateutil wants it in ASCII.
    private mutating func skipSeparator() throws(PythonValueError) {
        if current >= 0x80, dialect == .isoparse { throw PythonValueError("it has characters beyond ASCII") }
        position += 1
        while current & 0xC0 == 0x80 { position += 1 }
    }

    // MARK: Time

    private mutating func parseClock() throws(PythonValueError) -> Clock {
        var clock = try parseClockWithoutOffset()
        guard !isAtEnd else { return clock }
        let sign = current
        if skip(UInt8(ascii: "Z")) || dialect == .isoparse && skip(UInt8(ascii: "z")) {
            clock.offset = 0
        } else if skip(UInt8(ascii: "+")) || skip(UInt8(ascii: "-")) {
            let offset = try parseOffset()
            clock.offset = sign == UInt8(ascii: "-") ? -offset : offset
        }
        guard isAtEnd else { throw PythonValueError("unexpected characters after the time") }
        return clock
    }

    private mutating func parseOffset() throws(PythonValueError) -> Int {
        let start = position
        let offset = try parseClockWithoutOffset()
        // dateutil stops at minutes: HH, HHMM or HH:MM.
        if dialect == .isoparse, position - start > 5 || offset.second != 0 {
            throw PythonValueError("the offset has more than hours and minutes")
        }
        guard offset.hour < 24, offset.minute < 60, offset.second < 60 else {
            throw PythonValueError("the offset is out of range")
        }
        return ((offset.hour * 60 + offset.minute) * 60 + offset.second) * 1_000_000 + offset.microsecond
    }

    /// `HH`, `HH:MM`, `HH:MM:SS` with a fraction, or the same without colons.
    private mutating func parseClockWithoutOffset() throws(PythonValueError) -> Clock {
        var clock = Clock()
        clock.hour = try number(2, "hour")
        let hasColons = skip(UInt8(ascii: ":"))
        guard hasColons || digitsAhead > 0 else { return clock }
        clock.minute = try number(2, "minute")
        guard hasColons ? skip(UInt8(ascii: ":")) : digitsAhead > 0 else { return clock }
        clock.second = try number(2, "second")
        guard current == UInt8(ascii: ".") || current == UInt8(ascii: ",") else { return clock }
        position += 1
        let digits = digitsAhead
        guard digits > 0 else { throw PythonValueError("digits expected after the point") }
        for place in 0..<6 {
            let digit = place < digits ? Int(bytes[position + place] - UInt8(ascii: "0")) : 0
            clock.microsecond = clock.microsecond * 10 + digit
        }
        position += digits
        return clock
    }

    // MARK: Pieces

    private var digitsAhead: Int { digits(from: position) }

    private func digits(from start: Int) -> Int {
        var end = start
        while end < bytes.count, JSONBytes.isDigit(bytes[end]) { end += 1 }
        return end - start
    }

    private mutating func number(_ digits: Int, _ name: String) throws(PythonValueError) -> Int {
        var value = 0
        for _ in 0..<digits {
            guard JSONBytes.isDigit(current) else {
                throw PythonValueError("\(digits) digits expected for the \(name)")
            }
            value = value * 10 + Int(current - UInt8(ascii: "0"))
            position += 1
        }
        return value
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }
}

extension PythonDateTime {
    fileprivate func nextDay() throws(PythonValueError) -> PythonDateTime {
        let next = CivilDate.date(days: CivilDate.days(year: year, month: month, day: day) + 1)
        return try PythonDateTime(
            year: next.year,
            month: next.month,
            day: next.day,
            hour: hour,
            minute: minute,
            second: second,
            microsecond: microsecond,
            offset: offsetMicroseconds
        )
    }
}
