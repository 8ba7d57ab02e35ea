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

    /// Why a task is revoked, as the error that is stored says it.
    enum Revocation: String, Sendable {
        /// It came too late to run.
        case expired
        /// Somebody has revoked it.
        case revoked
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
    /// How long it ran.
    var runtime = Duration.zero
    /// What was wrong while it ran, for the log.
    var problems: [FinishingProblem] = []
}
