/// A duration for people, in two or three digits: `850 µs`, `8.8 ms`, `1.25 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`.
package struct ReadableDuration: Sendable, CustomStringConvertible {
    /// The duration as it is shown.
    package let description: String

    /// A duration; one below zero is shown with a minus sign.
    package init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        if seconds < 0 || attoseconds < 0 {
            // The lowest number of seconds has no opposite.
            description = "-" + Self.text(seconds == .min ? .max : -seconds, -attoseconds)
        } else {
            description = Self.text(seconds, attoseconds)
        }
    }

    private static func text(_ seconds: Int64, _ attoseconds: Int64) -> String {
        if seconds >= 60 {
            // Rounded, so that 119.9 seconds are two minutes.
            let whole = seconds < .max && attoseconds >= 500_000_000_000_000_000 ? seconds + 1 : seconds
            return parts(whole)
        }
        let microseconds = seconds * 1_000_000 + (attoseconds + 500_000_000_000) / 1_000_000_000_000
        switch microseconds {
        case 0: return "0 s"
        case ..<1000: return "\(microseconds) µs"
        case ..<999_950: return decimal(microseconds, unit: 1000) + " ms"
        case ..<59_995_000: return decimal(microseconds, unit: 1_000_000) + " s"
        default: return "1 min"
        }
    }

    /// The number in this unit, with as many decimals as make three digits at most, and without zeros at the end.
    private static func decimal(_ value: Int64, unit: Int64) -> String {
        let hundredths = (value * 100 + unit / 2) / unit
        let tenths = (value * 10 + unit / 2) / unit
        let (whole, fraction): (Int64, String)
        if hundredths < 1000 {
            let rest = hundredths % 100
            (whole, fraction) = (hundredths / 100, rest < 10 ? "0\(rest)" : "\(rest)")
        } else if tenths < 1000 {
            (whole, fraction) = (tenths / 10, "\(tenths % 10)")
        } else {
            return "\((value + unit / 2) / unit)"
        }
        let kept = fraction.last == "0" ? String(fraction.dropLast()) : fraction
        return kept.isEmpty || kept == "0" ? "\(whole)" : "\(whole).\(kept)"
    }

    /// The two largest units.
    private static func parts(_ seconds: Int64) -> String {
        let (large, small, unit): (Int64, Int64, (String, String))
        switch seconds {
        case ..<3600: (large, small, unit) = (seconds / 60, seconds % 60, ("min", "s"))
        case ..<86_400: (large, small, unit) = (seconds / 3600, seconds % 3600 / 60, ("h", "min"))
        default: (large, small, unit) = (seconds / 86_400, seconds % 86_400 / 3600, ("d", "h"))
        }
        return small == 0 ? "\(large) \(unit.0)" : "\(large) \(unit.0) \(small) \(unit.1)"
    }
}
