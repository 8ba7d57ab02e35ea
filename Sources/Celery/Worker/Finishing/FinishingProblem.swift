internal import CeleryProtocol

/// Something that cannot follow a task as its message wants it.
struct FinishingProblem: Sendable {
    /// What is not to be, for the log.
    let what: String
    let request: TaskRequest
    let error: any Error
    /// How often: only the first error is shown.
    var count = 1
}
