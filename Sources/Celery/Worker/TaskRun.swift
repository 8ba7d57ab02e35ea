internal import CeleryProtocol

/// A task that has been run, or was to be.
struct TaskRun: Sendable {
    let work: Work
    /// What the message's body holds; `nil` when that cannot be read.
    let payload: TaskPayload?
    let acksLate: Bool
    let storesResult: Bool
    /// The tasks that it has sent, for its result.
    var children: [JSONValue] = []
}
