public import Celery
internal import CeleryTransport
public import Logging

/// Runs a worker with these handlers on a broker in memory, and `body` with a client of it; ends both afterwards.
///
/// Everything goes through the real wire format, so that a value that does not survive it fails the test.
///
///     try await withTestCelery {
///         TaskHandler(Tasks.add) { _, x, y in x + y }
///     } _: { client in
///         let sum = try await client.enqueue(Tasks.add(2, 3)).value()
///         #expect(sum == 5)
///     }
public func withTestCelery<Result: Sendable>(
    options: CeleryWorker.Options = .init(),
    logger: Logger? = nil,
    @TaskHandlerBuilder handlers: () -> [TaskHandler],
    _ body: (CeleryClient) async throws -> Result
) async throws -> Result {
    let logger = logger ?? Logger(label: "celery.test", factory: { _ in SwiftLogNoOpLogHandler() })
    let broker = MemoryBroker()
    let backend = MemoryResultBackend()
    let handlers = handlers()
    let worker = try CeleryWorker(broker: broker, backend: backend, options: options, logger: logger) { handlers }
    let client = try CeleryClient(broker: broker, backend: backend, logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await worker.run() }
        defer { group.cancelAll() }
        return try await body(client)
    }
}
