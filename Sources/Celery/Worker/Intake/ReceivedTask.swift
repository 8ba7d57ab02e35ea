internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A task's message as it was received, with what was read of it. It is large and handed on several
/// times, so it is passed by reference.
final class ReceivedTask: Sendable {
    /// The queue that it came from; empty where the broker does not say.
    let queue: String
    let message: Message
    let request: TaskRequest
    let handler: TaskHandler
    /// When it came, or came due; `nil` where nobody asks.
    let receivedAt: ContinuousClock.Instant?

    init(
        queue: String, message: Message, request: TaskRequest, handler: TaskHandler,
        receivedAt: ContinuousClock.Instant? = nil
    ) {
        self.queue = queue
        self.message = message
        self.request = request
        self.handler = handler
        self.receivedAt = receivedAt
    }

    /// Why it is not to run; `nil` if it is.
    func revocation(_ revoked: RevokedTasks, _ clock: TaskClock) -> FinishedTask.Revocation? {
        if let expires = request.expires, expires < clock.now { return .expired }
        return revoked.contains(request) ? .revoked : nil
    }
}
