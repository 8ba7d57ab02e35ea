internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// What a worker's log says of tasks on their way.
struct TaskLog: Sendable {
    let logger: Logger
    /// The level of what happens to every task.
    let level: Logger.Level

    func received(_ request: TaskRequest) {
        logger.log(level: level, "received", metadata: LoggingKeys.task(request))
    }

    func refused(_ refused: RefusedMessage, queue: String) {
        switch refused {
        case .unreadable(let error, _):
            var metadata: Logger.Metadata = [LoggingKeys.error: "\(error)", LoggingKeys.queue: "\(queue)"]
            metadata[LoggingKeys.taskName] = error.task.map(LoggingKeys.line)
            metadata[LoggingKeys.taskID] = error.taskID.map(LoggingKeys.line)
            logger.error("refused a message that cannot be run as a task", metadata: metadata)
        case .notRegistered(let request):
            logger.error(
                "refused a task that is not registered",
                metadata: LoggingKeys.task(request).merging([LoggingKeys.queue: "\(queue)"]) { $1 })
        }
    }

    func started(_ request: TaskRequest) {
        logger.debug("started", metadata: LoggingKeys.task(request))
    }

    func expired(_ request: TaskRequest) {
        logger.log(level: level, "expired", metadata: LoggingKeys.task(request))
    }

    /// Something is wrong with a task.
    func problem(_ what: Logger.Message, _ request: TaskRequest, _ error: any Error) {
        logger.error(what, metadata: Self.metadata(request, error))
    }

    func ended(_ request: TaskRequest, _ outcome: Outcome, after runtime: Duration) {
        guard logger.logLevel <= .error else { return }
        var metadata: Logger.Metadata {
            LoggingKeys.task(request).merging([LoggingKeys.runtime: "\(runtime)"]) { $1 }
        }
        switch outcome {
        case .success: logger.log(level: level, "succeeded", metadata: metadata)
        case .failure(let failure):
            logger.error("failed", metadata: metadata.merging([LoggingKeys.error: "\(failure)"]) { $1 })
        case .retry(let countdown, let reason):
            let why = reason.map { "\($0)" } ?? "asked for"
            logger.log(
                level: level, "retry",
                metadata: metadata.merging([LoggingKeys.error: "\(why)", "countdown": "\(countdown)"]) { $1 })
        case .ignored: logger.log(level: level, "ignored", metadata: metadata)
        case .rejected(let requeue, let reason):
            let why = reason ?? "no reason given"
            logger.warning(
                "rejected", metadata: metadata.merging([LoggingKeys.error: "\(why)", "requeue": "\(requeue)"]) { $1 })
        case .interrupted: logger.warning("interrupted by the shutdown", metadata: metadata)
        }
    }

    private static func metadata(_ request: TaskRequest, _ error: any Error) -> Logger.Metadata {
        LoggingKeys.task(request).merging([LoggingKeys.error: "\(error)"]) { $1 }
    }
}
