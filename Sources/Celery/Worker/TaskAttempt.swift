internal import CeleryProtocol

/// One try of a task, as its message names it: a message that is delivered again is the same try.
struct TaskAttempt: Hashable, Sendable {
    private let id: String
    private let retries: Int

    init(_ request: TaskRequest) {
        id = request.id
        retries = request.retries
    }
}
