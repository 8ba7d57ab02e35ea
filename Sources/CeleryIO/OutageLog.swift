/// When the log says that something is out of order: at once, then in growing intervals, not for each try; and when it
/// works again.
package struct OutageLog: Sendable {
    private static let firstInterval = Duration.seconds(10)
    private static let longestInterval = Duration.seconds(600)
    /// What has worked for so long works for good: the next failure is worth a line at once.
    private static let goodTime = Duration.seconds(60)
    /// So many reasons are worth a line of their own: they may differ without end.
    private static let mostReasons = 8

    private var interval = OutageLog.firstInterval
    private var nextLine: ContinuousClock.Instant?
    private var reasons: Set<String> = []
    /// Failures since the last line.
    private var unsaid = 0
    /// Since when it has been out of order, and whether the log has said so.
    private var outage: (begin: ContinuousClock.Instant, isSaid: Bool)?
    /// Since when it has worked, after it was out of order.
    private var worksSince: ContinuousClock.Instant?

    package init() {}

    /// It has failed, once more perhaps.
    ///
    /// - Parameters:
    ///   - count: how many failures this is.
    ///   - reason: why, if each new reason is worth a line of its own. What differs each time, such as an id, does not
    ///     belong to it.
    /// - Returns: `nil` when that is not worth a line; else how many failures the line stands for, this one and those
    ///   since the last line.
    package mutating func failed(
        _ count: Int = 1, because reason: String? = nil, at now: ContinuousClock.Instant = .now
    ) -> Int? {
        if let worksSince, now - worksSince >= Self.goodTime { reset() }
        worksSince = nil
        unsaid += count
        let begin = outage?.begin ?? now
        let isNew = reasons.count < Self.mostReasons && (reason.map { reasons.insert($0).inserted } ?? false)
        guard isNew || nextLine.map({ $0 <= now }) ?? true else {
            outage = (begin, outage?.isSaid ?? false)
            return nil
        }
        outage = (begin, true)
        nextLine = now + interval
        interval = min(interval * 2, Self.longestInterval)
        defer { unsaid = 0 }
        return unsaid
    }

    /// How many failures no line has stood for, for a last line.
    package mutating func takeUnsaid() -> Int {
        defer { unsaid = 0 }
        return unsaid
    }

    /// It works again, though perhaps not for long: the intervals go on growing.
    ///
    /// - Returns: for how long it was out of order; `nil` when the log has not said that it was.
    package mutating func worksAgain(at now: ContinuousClock.Instant = .now) -> Duration? {
        guard let (begin, isSaid) = outage else { return nil }
        outage = nil
        worksSince = now
        return isSaid ? now - begin : nil
    }

    /// It has worked for good: the next failure is worth a line at once.
    package mutating func reset() { self = OutageLog() }
}
