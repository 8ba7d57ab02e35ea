internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// What a worker's log says of tasks on their way.
struct TaskLog: Sendable {
    let logger: Logger
    /// The level of what happens to every task.
    let level: Logger.Level
    private let refusals: RefusalLog

    init(logger: Logger, level: Logger.Level) {
        self.logger = logger
        self.level = level
        refusals = RefusalLog(logger)
    }

    func received(_ request: TaskRequest) {
        logger.log(level: level, "received", metadata: LoggingKeys.task(request))
    }

    /// A message cannot be run. A flood of them is summed up.
    func refused(_ refused: RefusedMessage, queue: String) { refusals.add(refused, queue: queue) }

    /// A task cannot be run, as the body of its message shows.
    func refused(_ request: TaskRequest, _ error: MessageError) { refusals.add(error, of: request) }

    /// The worker ends: says what has only been counted.
    func sumUp() { refusals.sumUp() }

    func started(_ request: TaskRequest) {
        logger.debug("started", metadata: LoggingKeys.task(request))
    }

    func expired(_ request: TaskRequest) {
        logger.log(level: level, "expired", metadata: LoggingKeys.task(request))
    }

    /// Something is wrong with a task.
    ///
    /// - Parameter count: how often the same is wrong.
    func problem(_ what: Logger.Message, _ request: TaskRequest, _ error: any Error, _ count: Int = 1) {
        var metadata = LoggingKeys.task(request)
        metadata[LoggingKeys.error] = LoggingKeys.reason(error)
        if count > 1 { metadata["count"] = "\(count)" }
        logger.error(what, metadata: metadata)
    }

    /// The broker has given a running task's message to others.
    func lost(_ request: TaskRequest) {
        logger.warning(
            "the broker has given the message of this task to others while it ran: it may run twice",
            metadata: LoggingKeys.task(request))
    }

    /// The broker takes no notice of an acknowledgement.
    func unheard(_ request: TaskRequest) {
        logger.warning(
            "the task starts, though the broker has not heard that it does", metadata: LoggingKeys.task(request))
    }

    /// A message has come again whose task was started here.
    func acknowledgedAgain(_ request: TaskRequest) {
        logger.info(
            "acknowledged again: this worker has started the task, and the broker had not heard of it",
            metadata: LoggingKeys.task(request))
    }

    func ended(_ request: TaskRequest, _ outcome: Outcome, after runtime: Duration) {
        guard logger.logLevel <= .error else { return }
        var metadata: Logger.Metadata {
            LoggingKeys.task(request).merging([LoggingKeys.runtime: "\(runtime)"]) { $1 }
        }
        switch outcome {
        case .success: logger.log(level: level, "succeeded", metadata: metadata)
        case .failure(let failure):
            logger.error("failed", metadata: metadata.merging([LoggingKeys.error: LoggingKeys.reason(failure)]) { $1 })
        case .retry(let countdown, let reason):
            let why: Logger.MetadataValue = reason.map { LoggingKeys.reason($0) } ?? "asked for"
            logger.log(
                level: level, "retry",
                metadata: metadata.merging([LoggingKeys.error: why, "countdown": "\(countdown)"]) { $1 })
        case .ignored: logger.log(level: level, "ignored", metadata: metadata)
        case .rejected(let requeue, let reason):
            let why = LogText(reason ?? "no reason given")
            logger.warning(
                "rejected", metadata: metadata.merging([LoggingKeys.error: "\(why)", "requeue": "\(requeue)"]) { $1 })
        case .interrupted: logger.warning("interrupted by the shutdown", metadata: metadata)
        }
    }
}
