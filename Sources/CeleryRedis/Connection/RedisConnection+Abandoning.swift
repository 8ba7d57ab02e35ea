internal import CeleryTransport

extension RedisConnection {
    /// As ``send(_:)``, but a caller that is cancelled stops waiting at once. The commands are carried out nevertheless,
    /// unless it was cancelled before.
    func sendAbandonably(_ pipeline: RedisPipeline) async throws -> [RESPValue] {
        try Task.checkCancellation()
        let waiter = Waiter<[RESPValue]>()
        submit(pipeline) { waiter.settle($0.mapError { $0 }) }
        return try await waiter.value()
    }
}
