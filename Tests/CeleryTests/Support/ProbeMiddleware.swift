import Celery

/// Middleware made of closures.
struct ProbeMiddleware: CeleryMiddleware {
    typealias Send = @Sendable (OutgoingTask, (OutgoingTask) async throws -> Void) async throws -> Void
    typealias Run = @Sendable (IncomingTask, (IncomingTask) async -> TaskOutcome) async throws -> TaskOutcome

    var onSend: Send = { task, next in try await next(task) }
    var onRun: Run = { task, next in await next(task) }
    var onEvent: @Sendable (WorkerEvent) -> Void = { _ in }

    func send(_ task: OutgoingTask, next: (OutgoingTask) async throws -> Void) async throws {
        try await onSend(task, next)
    }

    func run(_ task: IncomingTask, next: (IncomingTask) async -> TaskOutcome) async throws -> TaskOutcome {
        try await onRun(task, next)
    }

    func observe(_ event: WorkerEvent) { onEvent(event) }
}
