internal import CeleryProtocol

/// How long one run of a task may take, and since when it runs. Without any limit there is none of these.
struct TimeLimits: Sendable {
    /// After which it is cancelled.
    let soft: Duration?
    /// After which it has failed.
    let hard: Duration?
    let begin: ContinuousClock.Instant

    /// - Returns: `nil` when there is no limit.
    init?(soft: Duration?, hard: Duration?, begin: ContinuousClock.Instant) {
        if soft == nil, hard == nil { return nil }
        (self.soft, self.hard, self.begin) = (soft, hard, begin)
    }

    /// When a limit is reached: a clock holds a century, and not all that a message may say.
    func end(_ limit: Duration) -> ContinuousClock.Instant { begin + min(limit, .seconds(100 * 366 * 86_400)) }

    /// The next limit to come; when none is, the last one.
    func deadline(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let all = [soft, hard].compactMap { $0.map(end) }
        return all.filter { $0 > now }.min() ?? all.max()
    }
}

extension TaskFailure {
    /// As Celery stores it for a task that its soft limit has interrupted.
    static let softTimeLimitExceeded = TaskFailure(
        type: "SoftTimeLimitExceeded", module: "billiard.exceptions", arguments: [])

    /// As Celery stores it for a task that has taken longer than its hard limit.
    static func timeLimitExceeded(_ limit: Duration) -> TaskFailure {
        TaskFailure(type: "TimeLimitExceeded", module: "billiard.exceptions", arguments: [.seconds(limit)])
    }
}
