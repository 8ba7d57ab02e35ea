internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Sends task messages, for clients and for workers: makes the message, finds its way, tries again when a
/// connection breaks.
final class TaskPublisher: Sendable {
    /// Celery's `task_publish_retry_policy`: so many further tries, the first one at once.
    private static let publishRetries = 3
    private static let schedule = RetrySchedule(
        first: .milliseconds(200), maximum: .milliseconds(400), isFirstAtOnce: true)

    let routing: Routing
    /// What counts where a call says nothing.
    let defaults: SendOptions?
    /// What every task passes that is sent.
    let middleware: [any CeleryMiddleware]
    /// This process as a receiver of `rpc://` results.
    let replyTo: String
    private let producer: Reconnecting<any Producer>
    private let origin: String
    /// What etas and expiries go by.
    let clock: TaskClock
    let logger: Logger
    /// Whether the result backend was told that results are to come.
    private let isPrepared = Atomic(false)

    init(
        broker: any Broker, routing: Routing, defaults: SendOptions?, middleware: [any CeleryMiddleware],
        replyTo: String, clock: TaskClock = .system, events: EventOptions = .init(),
        logicalClock: LogicalClock = LogicalClock(), logger: Logger
    ) {
        self.routing = routing
        self.defaults = defaults
        self.replyTo = replyTo
        self.logger = logger
        self.clock = clock
        origin = NodeName.generated
        let producer = Reconnecting { try await broker.makeProducer(logger: logger) }
        self.producer = producer
        guard events.sendsSentEvents else {
            self.middleware = middleware
            return
        }
        // The innermost, so that it tells of what the others have made of it.
        self.middleware =
            middleware + [
                SentEvents(
                    producer: producer, exchange: events.exchange, exchangeType: broker.eventExchangeType,
                    clock: logicalClock, logger: logger)
            ]
    }

    /// Sends a new task that nothing follows.
    ///
    /// - Parameters:
    ///   - payload: its arguments.
    ///   - parent: the task that sends it; `nil` for a client.
    ///   - results: where its result will be read.
    func send<Output>(
        _ signature: Signature<Output>, _ payload: TaskPayload, _ options: SendOptions, parent: TaskRequest?,
        results: (any ResultStore)?
    ) async throws -> TaskHandle<Output> {
        let start = ContinuousClock.now
        let wanted = wanted(results, options)
        try await prepare(wanted)
        let id = options.id ?? wanted?.takeID() ?? RandomID.make()
        let request = request(for: signature.task, id: id, options, parent: parent)
        let (message, destination) = try message(
            request, payload, options, replyTo: replyTo, inherited: inheritedPriority(of: parent, options))
        // Before it is sent: whether it was is not certain when sending fails, and the result may come soon.
        let handle = TaskHandle(
            id: request.id, results: results, sent: start, isIgnored: wanted == nil && results != nil,
            decodeOutput: signature.decodeOutput)
        try await send(message, to: destination, parent: parent, retries: options.publishRetries)
        return handle
    }

    /// Sends a message through the middleware.
    ///
    /// - Parameters:
    ///   - parent: the task that sends it; `nil` for a client.
    ///   - retries: how often it is tried again; `nil` for the default.
    func send(
        _ message: Message, to destination: Destination, parent: TaskRequest?, retries: Int? = nil
    ) async throws {
        if middleware.isEmpty { return try await publish(message, to: destination, retries: retries) }
        let task = OutgoingTask(message, to: destination, parent: parent)
        try await middleware.send(task) { try await self.publish($0, to: $1, retries: retries) }
    }

    /// Checks that a task can be sent at all.
    func check(_ task: String, _ options: SendOptions) throws {
        // Workers refuse it, and nobody could hear of it.
        guard !task.isEmpty else {
            throw CeleryError(.invalidArgument, "the task cannot be sent: its name must not be empty")
        }
        try options.check()
    }

    /// Checks that a queue which is named is one that there may be.
    func check(queueOf options: SendOptions) throws {
        if let name = options.queue, !routing.createsMissingQueues, !routing.knows(name) {
            throw CeleryError(
                .invalidArgument, "the task cannot be sent: the queue \(LogText.name(name)) is not among the known ones"
            )
        }
    }

    /// Where the result will be read; one that is not wanted is no reason to talk to the backend.
    func wanted(_ results: (any ResultStore)?, _ options: SendOptions) -> (any ResultStore)? {
        (options.ignoreResult ?? defaults?.ignoreResult) == true ? nil : results
    }

    /// The metadata of a new task.
    func request(for task: String, id: String, _ options: SendOptions, parent: TaskRequest?) -> TaskRequest {
        var request = TaskRequest(task: task, id: id)
        if let parent {
            request.rootID = parent.rootID ?? parent.id
            request.parentID = parent.id
        }
        request.shadow = options.shadow
        request.timeLimit = options.timeLimit
        request.softTimeLimit = options.softTimeLimit
        // Null leaves the choice to the receiver. Python writes false for a task that it knows, because it has the
        // task's own option at hand; a definition here has none, and its worker's options are to count.
        request.ignoreResult = options.ignoreResult
        request.headers = options.headers
        return request
    }

    /// A reply must find its queue.
    func prepare(_ results: (any ResultStore)?) async throws {
        guard let results, !isPrepared.load(ordering: .acquiring) else { return }
        try await tryAFewTimes { try await results.prepare() }
        isPrepared.store(true, ordering: .releasing)
    }

    /// Makes the message of a task, and finds its way.
    ///
    /// - Parameters:
    ///   - request: the task's metadata; times, origin and the texts for people are filled in.
    ///   - options: when and where to send it.
    ///   - routeName: the task by whose name its way is found, where that is another one.
    ///   - inherited: the priority where neither the options, nor a route, nor the defaults say one.
    func message(
        _ request: TaskRequest, _ payload: TaskPayload, _ options: SendOptions, replyTo: String?,
        routedAs routeName: String? = nil, inherited: Int? = nil
    ) throws -> (message: Message, destination: Destination) {
        var (request, options) = (request, options)
        let route = routing.route(for: routeName ?? request.task)
        if options.priority == nil, route?.priority == nil, defaults?.priority == nil { options.priority = inherited }
        if let defaults { options.complete(&request, with: defaults) }
        try check(queueOf: options)
        let now = clock.now
        // As in Celery, no countdown is no eta.
        if let eta = options.eta, eta != .after(.zero) { request.eta = eta.date(now: now) }
        request.expires = options.expires?.date(now: now)
        request.argsrepr = PythonRepr.saferepr(arguments: payload.args)
        request.kwargsrepr = PythonRepr.saferepr(.object(payload.kwargs))
        request.origin = origin
        var message = Message(body: payload.encoded())
        do {
            message.headers = try request.messageHeaders()
            if options.isCompressed == true {
                message.body = try Zlib.compress(message.body)
                message.headers["compression"] = "application/x-gzip"
            }
        } catch {
            throw CeleryError(.invalidArgument, "the task cannot be sent: \(error)", underlyingError: error)
        }
        message.properties = MessageProperties(
            correlationID: request.id,
            replyTo: replyTo,
            priority: options.priority ?? route?.priority ?? 0,
            expiration: options.expires.flatMap { Self.expiration($0, now: now) }
        )
        return (message, destination(options, route))
    }

    /// What is left until `expires`, as the property holds it; `nil` when that is more than RabbitMQ takes: the
    /// header is what workers go by.
    static func expiration(_ expires: Date, now: Date) -> Duration? {
        expiration(seconds: expires.timeIntervalSince(now))
    }

    private static func expiration(_ expires: SendOptions.Time, now: Date) -> Duration? {
        switch expires {
        case .after(let duration): expiration(seconds: duration.inSeconds)
        case .at(let date): expiration(date, now: now)
        }
    }

    /// Parts of a millisecond are cut off, as in Celery.
    private static func expiration(seconds: Double) -> Duration? {
        let milliseconds = max(0, seconds * 1000)
        guard milliseconds < 4_294_967_296 else { return nil }
        return .milliseconds(Int(milliseconds))
    }

    /// Sends a message as it is.
    ///
    /// - Parameter retries: how often it is tried again; `nil` for the default.
    func publish(_ message: Message, to destination: Destination, retries: Int? = nil) async throws {
        try await tryAFewTimes(retries) { try await producer.publish(message, to: destination) }
    }

    func tryAFewTimes(_ retries: Int? = nil, _ body: () async throws -> Void) async throws {
        let retries = retries ?? defaults?.publishRetries ?? Self.publishRetries
        try await retrying(Self.schedule, tries: retries) { error in
            (error as? TransportError)?.isRetriable ?? false
        } willRetry: { error, _ in
            logger.debug("publishing again", metadata: [LoggingKeys.error: "\(error)"])
        } _: { _ in
            try await body()
        }
    }

    /// The connection for publishing.
    func connection() async throws -> (any Producer, generation: Int) { try await producer.connection() }

    /// The connection of this number is of no use any more.
    func report(broken generation: Int) { producer.report(broken: generation) }

    /// Where a retry of this request goes: back to the queue it came from.
    func destination(forRetryOf request: TaskRequest, queue: String) -> Destination {
        let known = routing.queue(named: queue)
        // Nobody keeps it on Redis.
        if known.isBroadcast { return Destination(broadcast: known) }
        if !queue.isEmpty { return Destination(exchange: "", routingKey: queue) }
        return Destination(exchange: request.delivery.exchange, routingKey: request.delivery.routingKey)
    }

    func close() async {
        await producer.close()?.close()
    }

    /// The way that the call and the route of its task say, as Celery's sender finds it.
    private func destination(_ options: SendOptions, _ route: Routing.Route?) -> Destination {
        // A call that names another queue than the route says itself where it goes.
        let route = options.queue.map { route?.queue?.isCalled($0) == true } ?? true ? route : nil
        let queue = options.queue.map(routing.queue(named:)) ?? route?.queue ?? routing.defaultQueue
        let routingKey = options.routingKey ?? route?.routingKey
        guard let exchange = options.exchange ?? route?.exchange else {
            // The queue of a direct exchange is reached by its name, whatever the key.
            if queue.exchangeType == .direct { return Destination(queue: queue) }
            if queue.isBroadcast { return Destination(broadcast: queue, routingKey: routingKey) }
            return Destination(exchange: queue.exchange, routingKey: routingKey ?? queue.routingKey, queue: queue)
        }
        // And so it is where an exchange is named without a key.
        let isNamed = options.queue != nil || (options.exchange == nil && route?.queue != nil)
        if routingKey == nil, isNamed, queue.exchangeType == .direct { return Destination(queue: queue) }
        return Destination(exchange: exchange, routingKey: routingKey ?? queue.routingKey)
    }
}

extension Reconnecting where Connection == any Producer {
    /// The connection for publishing. One that is lost while it is made is none: no message has to do with that.
    func connection() async throws -> (any Producer, generation: Int) {
        do {
            return try await get()
        } catch let error as TransportError where error.code == .connectionLost {
            throw TransportError(.unreachable, error.message, underlyingError: error)
        }
    }

    /// Sends a message once.
    func publish(_ message: Message, to destination: Destination) async throws {
        let (producer, generation) = try await connection()
        do {
            try await producer.publish(message, to: destination)
        } catch let error as TransportError where error.code == .connectionLost || error.code == .closed {
            report(broken: generation)
            throw error
        }
    }
}

extension Destination {
    /// Everybody who has such a queue; the queue itself, which is that of one process, is not declared.
    fileprivate init(broadcast queue: Queue, routingKey: String? = nil) {
        self.init(
            exchange: queue.exchange, type: queue.exchangeType, isDurable: queue.isExchangeDurable,
            routingKey: routingKey ?? queue.routingKey)
    }
}
