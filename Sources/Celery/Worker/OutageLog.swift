/// When the log says that something is out of order: at once, then in growing intervals, not for each try.
struct OutageLog: Sendable {
    private static let firstInterval = Duration.seconds(10)
    private static let longestInterval = Duration.seconds(600)

    private var interval = OutageLog.firstInterval
    private var nextLine: ContinuousClock.Instant?
    /// Since when it has been out of order, if the log has said so.
    private var begin: ContinuousClock.Instant?

    /// It has failed, once more perhaps; whether that is worth a line.
    mutating func failed(at now: ContinuousClock.Instant = .now) -> Bool {
        if let nextLine, now < nextLine { return false }
        begin = begin ?? now
        nextLine = now + interval
        interval = min(interval * 2, Self.longestInterval)
        return true
    }

    /// It works again, though perhaps not for long: the intervals go on growing.
    ///
    /// - Returns: for how long it was out of order; `nil` when the log has not said that it was.
    mutating func worksAgain(at now: ContinuousClock.Instant = .now) -> Duration? {
        defer { begin = nil }
        return begin.map { now - $0 }
    }

    /// It has worked for good: the next failure is worth a line at once.
    mutating func reset() { self = OutageLog() }
}
