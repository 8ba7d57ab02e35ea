internal import CeleryIO

/// How a worker's connections to its broker have fared: how long to wait before the next one, and what is worth a line
/// of the log.
struct ConnectionRecord: Sendable {
    /// What a connection that was opened is to the log.
    enum Opening: Equatable, Sendable {
        /// The first one.
        case first
        /// The first one after the log has said that there was none.
        case again(after: Duration)
        /// One of many that were lost at once.
        case unremarkable
    }

    /// A connection that lasts so long counts as progress, even if nothing came over it.
    private static let goodAge = Duration.seconds(10)

    private var schedule = RetrySchedule()
    private var outage = OutageLog()
    private var openedAt: ContinuousClock.Instant?
    /// Whether the broker has let this worker in.
    private(set) var hasSucceeded = false

    /// There is a connection.
    mutating func opened(at now: ContinuousClock.Instant = .now) -> Opening {
        openedAt = now
        guard hasSucceeded else {
            hasSucceeded = true
            return .first
        }
        return outage.worksAgain(at: now).map { .again(after: $0) } ?? .unremarkable
    }

    /// The connection has ended. It was progress only if some message was settled over it, or if it has lasted.
    mutating func ended(hasSettled: Bool, at now: ContinuousClock.Instant = .now) {
        defer { openedAt = nil }
        guard let openedAt, hasSettled || now - openedAt >= Self.goodAge else { return }
        schedule.reset()
        outage.reset()
    }

    /// There is no connection: how long to wait before the next try, and whether that is worth a line.
    mutating func failed(at now: ContinuousClock.Instant = .now) -> (delay: Duration, isWorthALine: Bool) {
        (schedule.nextDelay(), outage.failed(at: now) != nil)
    }
}
