internal import CeleryProtocol
internal import Instrumentation

/// A task that has come to its end in this worker, and all that decides what follows from that.
struct FinishedTask: Sendable {
    /// How it ended.
    enum Ending: Sendable {
        /// It ran.
        case ran(TaskOutcome)
        /// It cannot be run as a task, as its body shows.
        case refused(MessageError)
        /// It was not to run, or not any more.
        case revoked(Revocation)
    }

    /// Why a task is revoked.
    enum Revocation: Sendable {
        /// It came too late to run.
        case expired
        /// Somebody has revoked it.
        case revoked
        /// Somebody has ended it while it ran, by what Python's workers take as the number of a signal.
        case terminated(signal: Int)

        /// As the error that is stored says it.
        var message: String {
            switch self {
            case .expired: "expired"
            case .revoked: "revoked"
            case .terminated: "terminated"
            }
        }
    }

    let task: ReceivedTask
    let rules: TaskRules
    /// What the message's body holds; `nil` when it was not read or cannot be.
    var payload: TaskPayload?
    /// What is to follow a success; `nil` for nothing.
    var succession: CanvasSuccession?
    /// The tasks that it has sent, for its result.
    var children: [JSONValue] = []
    /// The chord that it was to look after, if it is to look after it no longer.
    var unlocked: UnlockedChord?
    /// The context in which it ran, if there is middleware that may have bound one.
    var serviceContext: ServiceContext?
    var ending: Ending
    /// Whether it has failed because of its hard time limit.
    var isTimedOut = false
    /// How long it ran.
    var runtime = Duration.zero
    /// What was wrong while it ran, for the log.
    var problems: [FinishingProblem] = []

    /// Takes over what its run has left behind.
    ///
    /// - Parameter bindsContext: whether there is middleware that may have bound the context in which it ran.
    mutating func take(_ legacy: RunRecord.Legacy, bindsContext: Bool) {
        children = legacy.children
        unlocked = legacy.unlocked
        if bindsContext { serviceContext = legacy.serviceContext }
    }
}
