internal import CeleryProtocol
internal import CeleryTransport

/// Something that should follow from a task's end, and cannot: for the log.
struct FinishingProblem: Sendable {
    /// What it is that cannot be, the gravest first.
    enum Kind: Int, Sendable {
        /// The message of what follows cannot even be made, so that the task has failed.
        case failure
        /// The next try is not sent.
        case retry
        /// A callback or the next step of a chain is not sent.
        case successor
        /// A chord that the task has completed cannot be seen to.
        case chord
        /// It is not known whether a chord's body has run before.
        case chordBody
        /// The task's part of a chord is not counted.
        case chordPart
        /// A state is neither stored nor is the failure that would say so.
        case unstoredResult
        /// The backend refuses a state.
        case refusedResult
        /// An errback is not sent, or has failed.
        case errback
    }

    var kind: Kind
    /// Why; of several of a kind the first one's reason.
    let error: any Error
    /// How often.
    var count = 1
    /// The state that is not stored.
    var state: TaskState?
    /// The id of the task whose state it is: the one that has ended, or one that was to follow it.
    var resultID: String?

    /// Adds a problem to those of the same kind.
    static func add(_ problem: FinishingProblem, to problems: inout [FinishingProblem]) {
        if let position = problems.firstIndex(where: { $0.kind == problem.kind }) {
            problems[position].count += problem.count
        } else {
            problems.append(problem)
        }
    }
}
