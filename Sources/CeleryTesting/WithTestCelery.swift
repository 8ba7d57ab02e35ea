public import Celery
internal import CeleryProtocol
public import CeleryTransport
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
///
/// - Parameters:
///   - queues: the queues that the worker consumes; by default `celery`. To wait for a task that was sent to another
///     one is an error that says so.
///   - options: how the worker runs its tasks.
///   - routing: where the client's tasks go, and those that handlers send.
///   - defaultOptions: what counts where the client's calls, or those of handlers, say nothing.
///   - middleware: what every task passes that is sent or run, in the client and in the worker, the outermost first.
///   - clock: what etas, countdowns, expiries and retries go by, for a test that moves it; by default the system's.
///   - logger: where both log; by default nowhere.
///   - handlers: the worker's tasks.
///   - body: the test. The client is closed after it.
public func withTestCelery<Result: Sendable>(
    queues: [Queue] = ["celery"],
    options: CeleryWorker.Options = .init(),
    routing: Routing = .init(),
    defaultOptions: SendOptions = .init(),
    middleware: [any CeleryMiddleware] = [],
    clock: TestClock? = nil,
    logger: Logger? = nil,
    @TaskHandlerBuilder handlers: () -> [TaskHandler],
    _ body: (CeleryClient) async throws -> Result
) async throws -> Result {
    let logger = logger ?? Logger(label: "celery.test", factory: { _ in SwiftLogNoOpLogHandler() })
    let backend = MemoryResultBackend()
    let names = queues.map(\.name)
    let broker = MemoryBroker(consumed: Set(names)) { id, place in
        let consumed = names.map(PythonRepr.quoted).joined(separator: ", ")
        let why = "nobody consumes that: the worker of this test consumes \(consumed)"
        backend.fail(id, TransportError(.rejected, "task \(LogText(id)) is in \(place), and \(why)"))
    }
    let handlers = handlers()
    let clock = clock.map { TaskClock.manual($0.time) } ?? .system
    var options = options
    options.clock = clock
    let worker = try CeleryWorker(
        broker: broker, backend: backend, queues: queues, options: options, routing: routing,
        defaultOptions: defaultOptions, middleware: middleware, logger: logger
    ) { handlers }
    let client = try CeleryClient(
        broker: broker, backend: backend, routing: routing, defaultOptions: defaultOptions, middleware: middleware,
        clock: clock, logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await worker.run() }
        defer { group.cancelAll() }
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(client))
        } catch {
            result = .failure(error)
        }
        await client.close()
        return try result.get()
    }
}
