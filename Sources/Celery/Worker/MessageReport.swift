internal import CeleryIO
internal import CeleryTransport
internal import Logging

/// What the log says of one message whose task cannot be run or has failed, or for which something cannot be done that
/// should follow: all that goes wrong is collected and becomes one line when everything is done.
///
/// What takes long is not waited for: after a while there is a line of what has gone wrong so far, and later another one
/// of the rest.
final class MessageReport: Sendable {
    /// How a message has come to a bad end.
    struct Ending: Sendable {
        var level = Logger.Level.error
        /// What the line says behind the task's name.
        var text: String
        /// Why it has.
        var reason: (any Error)?
        /// What else is to be said, all of it short.
        var details: Logger.Metadata = [:]
        /// How much of what others have written is in the line, in bytes.
        var limit = ReportLine.limit
    }

    private struct State {
        var ending: Ending?
        var problems: [FinishingProblem] = []
        var hasLine = false
        /// The number of the deadline.
        var deadline: Int?
    }

    /// What has gone wrong is said at the latest after this time.
    static let longestWait = Duration.seconds(5)

    private let label: TaskLabel
    private let logger: Logger
    private let deadlines: Deadlines
    private let wait: Duration
    private let state = Locked(State())

    /// - Parameters:
    ///   - ending: `nil` if the log has said already how the task has ended.
    ///   - wait: after which time what has gone wrong is said at the latest.
    init(
        _ label: TaskLabel, _ ending: Ending? = nil, logger: Logger, deadlines: Deadlines,
        wait: Duration = MessageReport.longestWait
    ) {
        self.label = label
        self.logger = logger
        self.deadlines = deadlines
        self.wait = wait
        guard let ending else { return }
        state.withLock { state in
            state.ending = ending
            sayLater(&state)
        }
    }

    /// Something cannot be done.
    func add(_ problem: FinishingProblem) {
        state.withLock { state in
            FinishingProblem.add(problem, to: &state.problems)
            sayLater(&state)
        }
    }

    /// Everything is done: the line is written.
    func end() {
        if let deadline = state.withLock({ $0.deadline }) { deadlines.remove(deadline) }
        say(isLate: false)
    }

    private func sayLater(_ state: inout State) {
        guard state.deadline == nil else { return }
        state.deadline = deadlines.add(.now + wait) { self.say(isLate: true) }
    }

    private func say(isLate: Bool) {
        let line = state.withLock { state -> ReportLine? in
            state.deadline = nil
            guard state.ending != nil || !state.problems.isEmpty else { return nil }
            // Another line may follow, or this is the other one: the two together are about as long as one.
            let limit =
                isLate || state.hasLine ? ReportLine.halfLimit : state.ending?.limit ?? ReportLine.limit
            defer { state = State(hasLine: true) }
            return ReportLine(label, state.ending, state.problems, limit: limit)
        }
        if let line { logger.log(level: line.level, "\(line.text)", metadata: line.metadata) }
    }
}
