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

    private func text(_ fields: tm, between: Unicode.Scalar, fraction: Unicode.Scalar) -> String {
        let numbers = [
            (Int(fields.tm_year) + 1900, 4, "-"), (Int(fields.tm_mon) + 1, 2, "-"), (Int(fields.tm_mday), 2, between),
            (Int(fields.tm_hour), 2, ":"), (Int(fields.tm_min), 2, ":"), (Int(fields.tm_sec), 2, fraction),
        ]
        return String(unsafeUninitializedCapacity: 23) { bytes in
            var position = 0
            func append(_ number: Int, _ digits: Int) {
                var rest = number
                for offset in (0..<digits).reversed() {
                    bytes[position + offset] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
                position += digits
            }
            for (number, digits, separator) in numbers {
                append(number, digits)
                bytes[position] = UInt8(ascii: separator)
                position += 1
            }
            append(milliseconds, 3)
            return position
        }
    }
}
