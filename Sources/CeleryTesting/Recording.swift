public import Celery
public import Logging

/// What a handler did while it ran in a ``Replay``.
public struct Recording: Sendable {
    /// A line that the handler has logged.
    public struct LogLine: Sendable {
        /// The level.
        public let level: Logger.Level
        /// The message.
        public let message: String
        /// The metadata of the line itself.
        public let metadata: Logger.Metadata
    }

    /// How the task ended; with several tries the last one.
    public let outcome: Replay.Outcome
    /// Why the tries before were to be repeated, in order.
    public let retries: [TaskFailure?]
    /// The tasks that the handler has sent, in order.
    public let sent: [SentTask]
    /// The states that the handler has reported, progress among them, in order.
    public let reports: [TaskResult]
    /// The lines that the handler has logged, in order.
    public let log: [LogLine]

    init(
        _ outcome: Replay.Outcome, retries: [TaskFailure?] = [], sent: [SentTask] = [], reports: [TaskResult] = [],
        log: [LogLine] = []
    ) {
        self.outcome = outcome
        self.retries = retries
        self.sent = sent
        self.reports = reports
        self.log = log
    }
}
