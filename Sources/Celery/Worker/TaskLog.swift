internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// What a worker's log says of tasks on their way.
struct TaskLog: Sendable {
    let logger: Logger
    /// The level of what happens to every task.
    let level: Logger.Level
    private let refusals: RefusalLog
    /// Of what is said later.
    private let deadlines = Deadlines()
    private let reportWait: Duration

    /// - Parameters:
    ///   - level: the level of what happens to every task.
    ///   - reportWait: after which time what has gone wrong with a message is said at the latest.
    init(logger: Logger, level: Logger.Level, reportWait: Duration = MessageReport.longestWait) {
        self.logger = logger
        self.level = level
        self.reportWait = reportWait
        refusals = RefusalLog(logger, deadlines: deadlines)
    }

    func received(_ request: TaskRequest) {
        logger.log(level: level, "received", metadata: LoggingKeys.task(request))
    }

    // MARK: What goes wrong

    /// A message cannot be run. A flood of them is summed up.
    func report(on refused: RefusedMessage, queue: String) -> Reporting {
        guard let ending = refusals.add(refused, queue: queue) else { return .counted }
        return .begun(report(refused.label, ending))
    }

    /// A task has ended: what is to be said of it, if something is.
    func report(on finished: FinishedTask) -> Reporting {
        let label = TaskLabel(finished.task.request)
        let ending: MessageReport.Ending
        switch finished.ending {
        case .refused(let error):
            guard let refusal = refusals.add(error) else { return .counted }
            ending = refusal
        case .ran(.failure(let failure)):
            ending = MessageReport.Ending(text: "failed", reason: failure, details: finished.runtimeDetail)
        case .ran(.rejected(let requeue, let reason)):
            ending = MessageReport.Ending(
                level: .warning, text: "rejected", reason: RejectReason(description: reason ?? "no reason given"),
                details: finished.runtimeDetail.merging(["requeue": "\(requeue)"]) { $1 })
        case .ran, .expired: return .ifNeeded(label)
        }
        return .begun(report(label, ending))
    }

    private func report(_ label: TaskLabel, _ ending: MessageReport.Ending? = nil) -> MessageReport {
        MessageReport(label, ending, logger: logger, deadlines: deadlines, wait: reportWait)
    }

    /// Something that should follow cannot be done.
    func add(_ problem: FinishingProblem, to reporting: inout Reporting) {
        switch reporting {
        case .begun(let report): report.add(problem)
        case .counted: break
        case .ifNeeded(let label):
            let report = report(label)
            report.add(problem)
            reporting = .begun(report)
        }
    }

    /// The worker ends: says what was to be said later.
    func sumUp() { deadlines.callAll() }

    func started(_ request: TaskRequest) {
        logger.debug("started", metadata: LoggingKeys.task(request))
    }

    func expired(_ request: TaskRequest) {
        logger.log(level: level, "expired", metadata: LoggingKeys.task(request))
    }

    /// The broker has given a running task's message to others.
    func lost(_ request: TaskRequest) {
        logger.warning(
            "the broker has given the message of this task to others while it ran: it may run twice",
            metadata: LoggingKeys.task(request))
    }

    /// The broker takes no notice of an acknowledgement.
    func startedUnconfirmed(_ request: TaskRequest) {
        logger.warning(
            "the task starts, though the broker has not heard that it does", metadata: LoggingKeys.task(request))
    }

    /// A message has come again whose task was started here.
    func acknowledgedAgain(_ request: TaskRequest) {
        logger.info(
            "acknowledged again: this worker has started the task, and the broker had not heard of it",
            metadata: LoggingKeys.task(request))
    }

    /// A task has ended. What has gone wrong is for ``report(on:)`` to say.
    func ended(_ request: TaskRequest, _ outcome: TaskOutcome, after runtime: Duration) {
        guard logger.logLevel <= .error else { return }
        var metadata: Logger.Metadata {
            LoggingKeys.task(request).merging([LoggingKeys.runtime: "\(runtime)"]) { $1 }
        }
        switch outcome {
        case .success: logger.log(level: level, "succeeded", metadata: metadata)
        case .retry(let countdown, let reason):
            let why: Logger.MetadataValue = reason.map { LoggingKeys.reason($0) } ?? "asked for"
            logger.log(
                level: level, "retry",
                metadata: metadata.merging([LoggingKeys.error: why, "countdown": "\(countdown)"]) { $1 })
        case .ignored: logger.log(level: level, "ignored", metadata: metadata)
        case .interrupted: logger.warning("interrupted by the shutdown", metadata: metadata)
        case .failure, .rejected: break
        }
    }
}

extension RefusedMessage {
    fileprivate var label: TaskLabel {
        switch self {
        case .unreadable(let error, _): TaskLabel(id: error.taskID, name: error.task)
        case .notRegistered(let request): TaskLabel(request)
        }
    }
}

extension FinishedTask {
    fileprivate var runtimeDetail: Logger.Metadata { [LoggingKeys.runtime: "\(runtime)"] }
}

/// Why a task was rejected, in the words of its handler.
private struct RejectReason: Error, CustomStringConvertible {
    let description: String
}
