import Celery
import CeleryProtocol
import CeleryTransport
import Logging
import ServiceLifecycle
import TestSupport

/// A worker at work on a broker in memory, and a client of it.
struct Bench: Sendable {
    let client: CeleryClient
    let broker: RecordingBroker
    let services: ServiceGroup

    static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Puts an envelope into the worker's queue and returns what becomes of it.
    func settlement(of envelope: [UInt8], queue: String = "celery") async throws -> Settlement {
        broker.memory.push(envelope, to: queue)
        return try await broker.settlements.next()
    }

    /// The envelopes that wait in a queue.
    func envelopes(in queue: String = "celery") throws -> [Message] {
        try broker.memory.envelopes(in: queue).map { try KombuEnvelope.decode($0) }
    }
}

/// Runs a worker until `body` ends, then shuts it down warmly and waits for that.
func withBench<Value: Sendable>(
    broker: RecordingBroker = RecordingBroker(),
    backend: (any ResultBackend)? = MemoryResultBackend(),
    queues: [Queue] = ["celery"],
    options: CeleryWorker.Options = .init(concurrency: 2),
    routing: Routing = .init(),
    defaultOptions: SendOptions = .init(),
    middleware: [any CeleryMiddleware] = [],
    logger: Logger = Bench.logger,
    @TaskHandlerBuilder handlers: () -> [TaskHandler],
    _ body: (Bench) async throws -> Value
) async throws -> Value {
    let handlers = handlers()
    let worker = try CeleryWorker(
        broker: broker, backend: backend, queues: queues, options: options, routing: routing,
        defaultOptions: defaultOptions, middleware: middleware, logger: logger
    ) { handlers }
    let client = try CeleryClient(
        broker: broker, backend: backend, routing: routing, middleware: middleware, logger: Bench.logger)
    let services = ServiceGroup(configuration: .init(services: [.init(service: worker)], logger: Bench.logger))
    let bench = Bench(client: client, broker: broker, services: services)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await services.run() }
        // A group that does not run yet takes no notice of a shutdown, and a worker that does not receive yet has nothing
        // to stop.
        while case let event = try await broker.events.next(), event != .opened(prefetch: options.prefetch) {}
        try await broker.receiving.next()
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(bench))
        } catch {
            result = .failure(error)
        }
        await services.triggerGracefulShutdown()
        try await group.waitForAll()
        await client.close()
        return try result.get()
    }
}

extension CeleryWorker.Options {
    /// The prefetch count that the worker asks for.
    var prefetch: Int {
        let (count, isTooLarge) = max(1, concurrency).multipliedReportingOverflow(by: max(0, prefetchMultiplier))
        return isTooLarge ? 0 : count
    }
}
