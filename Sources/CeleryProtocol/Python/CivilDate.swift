/// The Gregorian calendar as plain arithmetic on days since the start of 1970.
///
/// Years are counted from March on, so that the leap day is the last of its year, in eras of 400 years (146,097 days).
enum CivilDate {
    private static let daysPerEra = 146_097
    /// From 0000-03-01 to 1970-01-01.
    private static let daysBefore1970 = 719_468

    /// The day number of a date.
    static func days(year: Int, month: Int, day: Int) -> Int {
        let shiftedYear = month > 2 ? year : year - 1
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let (era, yearOfEra) = divide(shiftedYear, by: 400)
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * daysPerEra + dayOfEra - daysBefore1970
    }

    /// The date of a day number.
    static func date(days: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = divide(days + daysBefore1970, by: daysPerEra)
        // The leap days that have gone by are taken out before dividing into years.
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }

    /// How many days a month has.
    static func days(inMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Whether a year has 366 days.
    static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    /// The day number of a day of an ISO week; Monday is 1. A week 53 that the year lacks is the next year's week 1.
    static func days(isoYear year: Int, week: Int, weekday: Int) -> Int {
        firstMonday(isoYear: year) + (week - 1) * 7 + weekday - 1
    }

    /// Whether a year has a week 53.
    static func hasWeek53(isoYear year: Int) -> Bool {
        firstMonday(isoYear: year + 1) - firstMonday(isoYear: year) == 53 * 7
    }

    /// The Monday of week 1, which is the week that holds January 4th.
    private static func firstMonday(isoYear year: Int) -> Int {
        let fourth = days(year: year, month: 1, day: 4)
        // 1970 started on a Thursday.
        return fourth - divide(fourth + 3, by: 7).remainder
    }

    /// Division that rounds down, so that the remainder is never negative.
    static func divide(_ value: Int, by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
