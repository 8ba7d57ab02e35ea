/// A date and time of day in UTC, without the weight of a calendar library.
struct CivilTime: CustomStringConvertible {
    private let year: Int
    private let month: Int
    private let day: Int
    private let secondOfDay: Int

    /// `nil` after the year 9999, where Python's datetime ends.
    init?(secondsSince1970 seconds: UInt64) {
        guard seconds < 253_402_300_800 else { return nil }
        // Years are counted from March here, so that a leap day is the last day of its year; 146,097 days are 400 years.
        let days = Int(seconds) / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        secondOfDay = Int(seconds) % 86_400
    }

    /// `2020-01-01T01:02:03`
    var description: String {
        func padded(_ number: Int, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month))-\(padded(day))"
            + "T\(padded(secondOfDay / 3_600)):\(padded(secondOfDay / 60 % 60)):\(padded(secondOfDay % 60))"
    }
}
