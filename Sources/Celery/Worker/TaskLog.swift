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
        say(level, request, "received")
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
            ending = MessageReport.Ending(text: "raised unexpected", reason: failure, details: finished.runtimeDetail)
        case .ran(.rejected(let requeue, let reason)):
            ending = MessageReport.Ending(
                level: .warning, text: "rejected", reason: reason.map(RejectReason.init(description:)),
                details: finished.runtimeDetail.merging(["requeue": .stringConvertible(requeue)]) { $1 })
        case .ran, .revoked: return .ifNeeded(label)
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
        say(.debug, request, "started")
    }

    /// The broker has given its message to others in the moment before it was acknowledged.
    func notStarted(_ request: TaskRequest) {
        say(.debug, request, "did not start after all: the broker gives its message to others")
    }

    func revoked(_ request: TaskRequest, _ reason: FinishedTask.Revocation) {
        switch reason {
        case .expired: say(level, request, "discarded: it has expired")
        case .revoked: say(level, request, "discarded: it was revoked")
        case .terminated: say(.warning, request, "ended while it ran: it was revoked")
        }
    }

    /// A task has run for as long as its soft time limit says.
    func softLimit(_ request: TaskRequest, _ limit: Duration) {
        say(.warning, request, "cancelled: its soft time limit of \(ReadableDuration(limit)) is exceeded")
    }

    /// The handler of a task that has ended does not return.
    func strayed(_ request: TaskRequest, _ replacement: SlotPool.Replacement, limit: Int) {
        let metadata: Logger.Metadata = ["limit": .stringConvertible(limit)]
        switch replacement {
        case .isStray(let count):
            say(
                .warning, request, "runs on though it has ended: its slot is given to other tasks",
                metadata.merging(["strays": .stringConvertible(count)]) { $1 })
        case .waits:
            say(
                .error, request,
                "runs on though it has ended, as many others do: its slot is lost until one of them returns", metadata)
        case .isNeedless: break
        }
    }

    /// It has returned.
    func returned(_ request: TaskRequest) { say(.debug, request, "has returned, though it had ended before") }

    /// The broker has given a running task's message to others.
    func lost(_ request: TaskRequest) {
        say(.warning, request, "may run twice: the broker has given its message to others while it ran")
    }

    /// The broker takes no notice of an acknowledgement.
    func startedUnconfirmed(_ request: TaskRequest) {
        say(.warning, request, "starts, though the broker has not heard that it does")
    }

    /// A message has come again whose task was started here.
    func acknowledgedAgain(_ request: TaskRequest) {
        say(
            .info, request, "acknowledged again: this worker has started it, and the broker had not heard of that")
    }

    /// Another copy of a chord's body, or of an errback's call, runs or has run.
    func sentTwice(_ request: TaskRequest, _ copy: ChordBodyCopy) {
        let what = copy.place < 0 ? "an errback of a chord" : "the body of its chord"
        say(.info, request, "dropped: \(what) was sent twice, and the other message runs")
    }

    /// A task has ended. What has gone wrong is for ``report(on:)`` to say.
    func ended(_ request: TaskRequest, _ outcome: TaskOutcome, after runtime: Duration) {
        var took: Logger.Metadata { [LoggingKeys.runtime: LoggingKeys.seconds(runtime)] }
        switch outcome {
        case .success(let value):
            say(level, request, "succeeded in \(ReadableDuration(runtime)): \(PythonRepr.quoted(value))", took)
        case .retry(let countdown, nil, _):
            say(
                level, request, "retry: Retry in \(ReadableDuration(countdown))",
                took.merging([LoggingKeys.countdown: LoggingKeys.seconds(countdown)]) { $1 })
        case .retry(let countdown, let reason?, _):
            say(
                level, request, "retry: Retry in \(ReadableDuration(countdown)): \(LogText(reason))",
                took.merging([
                    LoggingKeys.countdown: LoggingKeys.seconds(countdown),
                    LoggingKeys.error: LoggingKeys.reason(reason),
                ]) { $1 })
        case .replaced(let replacement):
            say(level, request, "replaced by \(LogText(replacement.canvas.taskName))", took)
        case .ignored: say(level, request, "ignored", took)
        case .interrupted: say(.warning, request, "interrupted by the shutdown", took)
        case .failure, .rejected: break
        }
    }

    /// A line about a task. What it says is made only where somebody reads it.
    private func say(
        _ level: Logger.Level, _ request: TaskRequest, _ what: @autoclosure () -> String,
        _ details: @autoclosure () -> Logger.Metadata = [:]
    ) {
        guard level >= logger.logLevel else { return }
        let label = TaskLabel(request).shown()
        var metadata = LoggingKeys.task(label)
        for (key, value) in details() { metadata[key] = value }
        logger.log(level: level, "\(label.subject) \(what())", metadata: metadata)
    }
}

extension RefusedMessage {
    fileprivate var label: TaskLabel {
        switch self {
        case .unreadable(let error, _): TaskLabel(id: error.taskID, name: error.task)
        case .notRegistered(let task): TaskLabel(task.request)
        }
    }
}

extension FinishedTask {
    fileprivate var runtimeDetail: Logger.Metadata { [LoggingKeys.runtime: LoggingKeys.seconds(runtime)] }
}

/// Why a task was rejected, in the words of its handler.
private struct RejectReason: Error, CustomStringConvertible {
    let description: String
}
