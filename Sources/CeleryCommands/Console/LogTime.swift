#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The time of a line.
struct LogTime: Sendable {
    private let seconds: Int
    private let milliseconds: Int

    /// A moment by the seconds since the start of 1970.
    init(seconds: Int, milliseconds: Int) {
        self.seconds = seconds
        self.milliseconds = milliseconds
    }

    /// This moment.
    static var now: LogTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return LogTime(seconds: Int(time.tv_sec), milliseconds: Int(time.tv_nsec) / 1_000_000)
    }

    /// In the time zone of this machine, as Celery's log has it: `2026-11-26 10:00:00,123`.
    var local: String {
        var (fields, time) = (tm(), time_t(seconds))
        localtime_r(&time, &fields)
        return text(fields, between: " ", fraction: ",")
    }

    /// RFC 3339, in UTC: `2026-11-26T10:00:00.123Z`.
    var utc: String {
        var (fields, time) = (tm(), time_t(seconds))
        gmtime_r(&time, &fields)
        return text(fields, between: "T", fraction: ".") + "Z"
    }

    private func text(_ fields: tm, between: String, fraction: String) -> String {
        var text = ""
        text.reserveCapacity(24)
        Self.append(Int(fields.tm_year) + 1900, 4, to: &text)
        text += "-"
        Self.append(Int(fields.tm_mon) + 1, 2, to: &text)
        text += "-"
        Self.append(Int(fields.tm_mday), 2, to: &text)
        text += between
        Self.append(Int(fields.tm_hour), 2, to: &text)
        text += ":"
        Self.append(Int(fields.tm_min), 2, to: &text)
        text += ":"
        Self.append(Int(fields.tm_sec), 2, to: &text)
        text += fraction
        Self.append(milliseconds, 3, to: &text)
        return text
    }

    private static func append(_ number: Int, _ digits: Int, to text: inout String) {
        var divisor = digits == 4 ? 1000 : digits == 3 ? 100 : 10
        while divisor > 0 {
            text.unicodeScalars.append(Unicode.Scalar(UInt8(ascii: "0") + UInt8(number / divisor % 10)))
            divisor /= 10
        }
    }
}
