internal import CeleryTransport

/// Commands, and what is called with their replies.
struct PendingCommand: Sendable {
    typealias Completion = @Sendable (Result<[RESPValue], TransportError>) -> Void

    let pipeline: RedisPipeline
    let completion: Completion
}
