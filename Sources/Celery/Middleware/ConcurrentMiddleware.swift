/// ``CeleryMiddleware`` as packages write it that do not enable `NonisolatedNonsendingByDefault`, which is the default: the
/// same words stand for functions of other types there. Conform to ``CeleryMiddleware``; whichever of both the compiler finds
/// in your type is called.
public protocol ConcurrentMiddleware: Sendable {
    /// As ``CeleryMiddleware/send(_:next:)``.
    @concurrent func send(_ task: OutgoingTask, next: @concurrent (OutgoingTask) async throws -> Void) async throws

    /// As ``CeleryMiddleware/run(_:next:)``.
    @concurrent func run(
        _ task: IncomingTask, next: @concurrent (IncomingTask) async -> TaskOutcome
    ) async throws -> TaskOutcome
}

extension ConcurrentMiddleware {
    /// Passes on.
    @concurrent public func send(
        _ task: OutgoingTask, next: @concurrent (OutgoingTask) async throws -> Void
    ) async throws {
        try await next(task)
    }

    /// Passes on.
    @concurrent public func run(
        _ task: IncomingTask, next: @concurrent (IncomingTask) async -> TaskOutcome
    ) async throws -> TaskOutcome {
        await next(task)
    }
}
