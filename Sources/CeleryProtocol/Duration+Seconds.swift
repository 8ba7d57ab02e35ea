extension Duration {
    /// A number of seconds as Python writes it; `nil` for what is no number, or more than any calendar holds:
    /// `Duration.seconds(_:)` would trap.
    package init?(seconds: Double) {
        guard seconds.magnitude < 1e15 else { return nil }
        self = .seconds(seconds)
    }

    /// This span as Python's floats count it.
    package var inSeconds: Double { self / .seconds(1) }

    /// Whole milliseconds, the rest cut off; as many as an `Int` holds.
    package var inMilliseconds: Int {
        let (seconds, attoseconds) = components
        let (milliseconds, isTooLong) = Int(seconds).multipliedReportingOverflow(by: 1000)
        let (sum, isTooMuch) = milliseconds.addingReportingOverflow(Int(attoseconds / 1_000_000_000_000_000))
        return isTooLong || isTooMuch ? (seconds < 0 ? .min : .max) : sum
    }
}

extension JSONValue {
    /// Seconds as a caller in Python would give them: a whole number if it is one.
    package static func seconds(_ duration: Duration) -> JSONValue {
        let seconds = duration.inSeconds
        return Int(exactly: seconds).map(JSONValue.integer) ?? .double(seconds)
    }
}
