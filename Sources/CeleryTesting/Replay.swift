public import Celery
public import CeleryProtocol
public import Logging

/// Runs handlers on captured messages or on calls, with no broker: what a worker would do with each, but for eta and
/// expiry, and nothing of what follows.
///
///     let fixtures = try Fixture.load(contentsOf: "Fixtures/orders.json")
///     let replay = try Replay {
///         TaskHandler(Tasks.ship) { context, order in "shipped" }
///     }
///     #expect(await replay.run(fixtures[0]) == .success("shipped"))
///     #expect(try await replay.run(Tasks.ship("a book")) == .success("shipped"))
public struct Replay: Sendable {
    private let handlers: [String: TaskHandler]
    private let routing: Routing
    private let defaultOptions: SendOptions
    private let middleware: [any CeleryMiddleware]
    private let logger: Logger

    /// Takes the handlers to run.
    ///
    /// - Parameters:
    ///   - routing: where the tasks go that handlers send, as a ``Recording`` shows it.
    ///   - defaultOptions: what counts where what they send says nothing.
    ///   - middleware: what every task passes that is run or sent, the outermost first.
    ///   - logger: where handlers log, besides the recording; by default nowhere.
    ///   - handlers: the tasks.
    /// - Throws: `CeleryError` with the code `duplicateTask` for two handlers of one name, as a worker does.
    public init(
        routing: Routing = .init(), defaultOptions: SendOptions = .init(),
        middleware: [any CeleryMiddleware] = [], logger: Logger? = nil,
        @TaskHandlerBuilder handlers: () -> [TaskHandler]
    ) throws {
        self.routing = routing
        self.defaultOptions = defaultOptions
        self.middleware = middleware
        self.logger = logger ?? Logger(label: "celery.replay", factory: { _ in SwiftLogNoOpLogHandler() })
        self.handlers = try handlers().byName()
    }

    /// Runs the handler that a captured message names.
    public func run(_ fixture: Fixture) async -> Outcome { await record(fixture).outcome }

    /// Runs the handler of a call, without a message.
    ///
    /// - Parameters:
    ///   - call: the task and its arguments; of its options the headers and the id count.
    ///   - request: what the handler finds in its context; by default a first try with the id `test`.
    /// - Throws: `EncodingError` when an argument cannot be sent.
    public func run<Output>(_ call: Signature<Output>, as request: TaskRequest? = nil) async throws -> Outcome {
        try await record(call, as: request).outcome
    }

    /// Runs the handler that the message names. Eta and expiry are not looked at: a capture is always old.
    public func run(_ message: Message) async -> Outcome { await record(message).outcome }

    /// Runs the handler that a captured message names, and keeps what it did meanwhile.
    ///
    /// - Parameters:
    ///   - fixture: the captured message.
    ///   - retrying: whether a task that is to be tried again is, at once, until it ends otherwise. One that is retried
    ///     without limit and never succeeds runs for ever.
    public func record(_ fixture: Fixture, retrying: Bool = false) async -> Recording {
        switch fixture.message {
        case .success(let message): await record(message, retrying: retrying)
        case .failure(let error): Recording(.refused(error))
        }
    }

    /// Runs the handler of a call, without a message, and keeps what it did meanwhile.
    ///
    /// - Parameters:
    ///   - call: the task and its arguments; of its options the headers and the id count.
    ///   - request: what the handler finds in its context; by default a first try with the id `test`.
    ///   - retrying: whether a task that is to be tried again is, at once, until it ends otherwise.
    /// - Throws: `EncodingError` when an argument cannot be sent.
    public func record<Output>(
        _ call: Signature<Output>, as request: TaskRequest? = nil, retrying: Bool = false
    ) async throws -> Recording {
        let canvas = try call.canvas()
        let payload = TaskPayload(args: canvas.args, kwargs: canvas.kwargs)
        guard let handler = handlers[call.task] else { return Recording(.notRegistered(call.task)) }
        let options = canvas.options
        var usual = TaskRequest(task: call.task, id: options["task_id"]?.stringValue ?? "test")
        usual.headers = options["headers"]?.objectValue ?? [:]
        return await record(handler, payload, request ?? usual, queue: "celery", retrying)
    }

    /// Runs the handler that the message names, and keeps what it did meanwhile. Eta and expiry are not looked at.
    ///
    /// - Parameters:
    ///   - message: the message as it came.
    ///   - retrying: whether a task that is to be tried again is, at once, until it ends otherwise.
    public func record(_ message: Message, retrying: Bool = false) async -> Recording {
        do throws(MessageError) {
            let request = try TaskRequest(message)
            guard let handler = handlers[request.task] else { return Recording(.notRegistered(request.task)) }
            let payload = try handler.payload(of: message, request)
            let queue = message.properties.routingKey ?? ""
            return await record(handler, payload, request, queue: queue, retrying)
        } catch {
            return Recording(.refused(error))
        }
    }

    private func record(
        _ handler: TaskHandler, _ payload: TaskPayload, _ request: TaskRequest, queue: String, _ retrying: Bool
    ) async -> Recording {
        var (request, payload) = (request, payload)
        let recorder = Recorder()
        let environment = TaskEnvironment(
            logger: recorder.logger(beside: logger), broker: recorder, results: recorder, routing: routing,
            defaultOptions: defaultOptions, middleware: middleware)
        while true {
            let context = TaskContext(request: request, queue: queue, environment: environment)
            let outcome = await handler.outcome(context, payload, middleware)
            // A task may ask for ever.
            guard retrying, !Task.isCancelled, case .retry(_, let reason, let changes) = outcome else {
                return recorder.recording(Outcome(outcome))
            }
            recorder.add(retry: reason)
            _ = payload.change(changes, parameters: handler.parameters)
            request.retries = request.retriesOfNextTry
        }
    }
}
