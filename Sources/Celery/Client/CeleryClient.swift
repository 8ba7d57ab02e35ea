public import CeleryProtocol
public import CeleryTransport
public import Logging
public import ServiceLifecycle

/// Sends tasks to Celery workers, in whichever language, and reads their results.
///
/// A client connects when it is first used and again after a connection was lost. Many calls at once share one
/// connection and its writes. Run it as a `Service`, which closes it at shutdown, or call ``close()``.
public struct CeleryClient: Sendable {
    let broker: any Broker
    let publisher: TaskPublisher
    let results: (any ResultStore)?
    /// Asks and steers workers.
    public let control: ControlClient
    let eventOptions: EventOptions

    var sender: CanvasSender { CanvasSender(publisher: publisher, results: results) }

    /// Makes a client. Nothing is connected yet.
    ///
    /// - Parameters:
    ///   - broker: where tasks are sent, such as `.redis("redis://localhost:6379/0")`.
    ///   - backend: where results are read; `nil` for a client that only sends.
    ///   - routing: which tasks go to which queue.
    ///   - defaultOptions: what counts where a call says nothing, such as headers, an expiry or a priority
    ///     (`task_default_priority`), before routes are looked at.
    ///   - middleware: what every task passes that is sent, the outermost first.
    ///   - controlExchange: what the exchange of remote control is named after (`control_exchange`).
    ///   - events: how events go through the broker.
    ///   - logger: where to log.
    /// - Throws: `TransportError` when the address of the result backend makes no sense; ``CeleryError`` when the default
    ///   options name an id.
    public init(
        broker: any Broker,
        backend: (any ResultBackend)? = nil,
        routing: Routing = .init(),
        defaultOptions: SendOptions = .init(),
        middleware: [any CeleryMiddleware] = [],
        controlExchange: String = "celery",
        events: EventOptions = .init(),
        logger: Logger = Logger(label: "celery")
    ) throws {
        try self.init(
            broker: broker, backend: backend, routing: routing, defaultOptions: defaultOptions, middleware: middleware,
            controlExchange: controlExchange, events: events, clock: .system, logger: logger)
    }

    /// As the public one.
    ///
    /// - Parameter clock: what countdowns and expiries go by.
    package init(
        broker: any Broker, backend: (any ResultBackend)?, routing: Routing, defaultOptions: SendOptions,
        middleware: [any CeleryMiddleware], controlExchange: String = "celery", events: EventOptions = .init(),
        clock: TaskClock, logger: Logger
    ) throws {
        let logger = logger.ofTheLibrary
        let replyTo = RandomID.make()
        self.broker = broker
        eventOptions = events
        let logicalClock = LogicalClock()
        publisher = TaskPublisher(
            broker: broker, routing: routing, defaults: try defaultOptions.asDefaults(), middleware: middleware,
            replyTo: replyTo, clock: clock, events: events, logicalClock: logicalClock, logger: logger)
        control = ControlClient(
            broker: broker, publisher: publisher, exchange: controlExchange, clock: logicalClock, logger: logger)
        let context = ResultStoreContext(broker: broker, replyTo: replyTo, logger: logger)
        results = try backend?.makeResultStore(context: context)
    }

    /// Sends a task, or a workflow.
    ///
    /// When the calling task is cancelled this ends at once, whatever it waits for; the message may have been sent or not.
    ///
    /// - Returns: a handle on the task that was sent, of a workflow on the last one.
    /// - Throws: `TransportError` when the broker cannot be reached or refuses, also after some further tries;
    ///   `EncodingError` or ``CeleryError`` when an argument or an option cannot be sent.
    @discardableResult
    public func enqueue<Output>(
        _ signature: Signature<Output>, options: SendOptions = .init()
    ) async throws -> TaskHandle<Output> {
        try await sender.send(signature, options, parent: nil).handle
    }

    /// Sends a task by its name, for tasks without a ``TaskDefinition``; read its result with
    /// ``TaskHandle/value(as:timeout:)``.
    ///
    /// - Throws: as ``enqueue(_:options:)->TaskHandle<Output>``.
    @discardableResult
    public func enqueue(
        named task: String,
        arguments: [JSONValue] = [],
        keywords: JSONObject = [:],
        options: SendOptions = .init()
    ) async throws -> TaskHandle<JSONValue> {
        try await enqueue(Signature(task: task, arguments: arguments, keywords: keywords), options: options)
    }

    /// Sends a task by its name, with arguments of whatever `Encodable` type: variables, dates, values of your
    /// own. `nil` is Python's `None`.
    ///
    ///     try await client.enqueue(named: "images.resize", arguments: [path], keywords: ["size": Size(width: 320)])
    ///
    /// - Throws: as ``enqueue(_:options:)->TaskHandle<Output>``; `EncodingError` for what JSON cannot hold.
    @_disfavoredOverload
    @discardableResult
    public func enqueue(
        named task: String,
        arguments: [(any Encodable & Sendable)?] = [],
        keywords: KeyValuePairs<String, (any Encodable & Sendable)?> = [:],
        options: SendOptions = .init()
    ) async throws -> TaskHandle<JSONValue> {
        try await enqueue(Signature(task: task, arguments: arguments, keywords: keywords), options: options)
    }

    /// A handle on a task that was sent before, whose id was kept.
    public func handle<Input, Output>(for task: TaskDefinition<Input, Output>, id: String) -> TaskHandle<Output> {
        TaskHandle(id: id, results: results, decodeOutput: task.decodeOutput)
    }

    /// A handle on a task of unknown type.
    public func handle(id: String) -> TaskHandle<JSONValue> {
        TaskHandle(id: id, results: results, decodeOutput: { $0 })
    }

    /// Waits for what is under way and closes the connections.
    public func close() async {
        await publisher.close()
        await results?.close()
    }
}

extension CeleryClient: Service {
    /// Waits for the shutdown, then closes the connections.
    public func run() async throws {
        do {
            try await gracefulShutdown()
        } catch is CancellationError {
            // Cancellation ends the wait as well; either way the connections are closed.
        }
        await close()
    }
}
