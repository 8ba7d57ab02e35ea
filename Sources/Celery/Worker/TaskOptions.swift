/// How a task is run. What is `nil` is as the worker's ``CeleryWorker/Options`` say.
public struct TaskOptions: Sendable, Hashable {
    /// Whether the message is acknowledged after the task and not before (`acks_late`).
    public var acksLate: Bool?
    /// Whether the result is not stored (`ignore_result`); a caller's own wish counts more.
    public var ignoreResult: Bool?
    /// Whether the state STARTED is stored (`track_started`).
    public var trackStarted: Bool?
    /// Whether the message of a late-acknowledged task is acknowledged when the task fails (`acks_on_failure`). Else
    /// it is rejected, and goes where the queue's dead letters go.
    public var acksOnFailure: Bool?
    /// After how long a run of the task is cancelled (`soft_time_limit`), so that the handler can clean up; what it then
    /// returns or throws counts, see ``CancellationReason``. Zero is none. A caller's own limit counts more.
    public var softTimeLimit: Duration?
    /// After how long a run of the task has failed (`time_limit`), whatever the handler does. Zero is none. A caller's own
    /// limit counts more.
    public var timeLimit: Duration?
    /// How often tasks of this name may start in the worker (`rate_limit`); more wait, and others pass them.
    public var rateLimit: RateLimit?

    /// Makes options; everything is as the worker has it unless given.
    public init(
        acksLate: Bool? = nil, ignoreResult: Bool? = nil, trackStarted: Bool? = nil, acksOnFailure: Bool? = nil,
        softTimeLimit: Duration? = nil, timeLimit: Duration? = nil, rateLimit: RateLimit? = nil
    ) {
        self.acksLate = acksLate
        self.ignoreResult = ignoreResult
        self.trackStarted = trackStarted
        self.acksOnFailure = acksOnFailure
        self.softTimeLimit = softTimeLimit
        self.timeLimit = timeLimit
        self.rateLimit = rateLimit
    }
}
