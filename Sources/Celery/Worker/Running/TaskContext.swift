public import CeleryProtocol
internal import CeleryTransport
internal import Instrumentation
public import Logging

/// What a handler knows of the task that it runs, and what it can do beside returning; Celery's bound task.
public struct TaskContext: Sendable {
    /// The task's metadata.
    public let request: TaskRequest
    /// The queue that the message came from.
    public let queue: String
    let environment: TaskEnvironment
    let record: RunRecord
    /// What the message's body holds, if the task belongs to a chord.
    let payload: TaskPayload?

    package init(request: TaskRequest, queue: String, environment: TaskEnvironment) {
        self.init(request: request, queue: queue, environment: environment, payload: nil, record: RunRecord())
    }

    init(
        request: TaskRequest, queue: String, environment: TaskEnvironment, payload: TaskPayload?, record: RunRecord
    ) {
        self.request = request
        self.queue = queue
        self.environment = environment
        self.payload = payload
        self.record = record
    }

    /// The task's id.
    public var id: String { request.id }
    /// How many times the task was tried before.
    public var retries: Int { request.retries }

    /// When the next of the task's time limits is reached, soft or hard; `nil` without one. So long whatever the handler calls
    /// may take: see ``timeRemaining``.
    public var deadline: ContinuousClock.Instant? { record.limits?.deadline(at: .now) }

    /// How long it is until ``deadline``, zero at least; `nil` without a time limit.
    public var timeRemaining: Duration? {
        let now = ContinuousClock.now
        return record.limits?.deadline(at: now).map { max(.zero, $0 - now) }
    }

    /// Why the task is cancelled, if it is: the first reason, unless the task was ended since.
    public var cancellationReason: CancellationReason? { record.cancellation }

    /// The worker's logger, with the task's id and name in its metadata.
    public var logger: Logger {
        var logger = environment.logger
        logger[metadataKey: LoggingKeys.taskID] = LoggingKeys.line(request.id)
        logger[metadataKey: LoggingKeys.taskName] = LoggingKeys.line(request.task)
        return logger
    }

    /// Stores a state of your own for this task, with data for those who watch; Celery's `update_state`.
    ///
    /// - Throws: `TransportError` when the result backend fails; nothing happens without one. `CancellationError` when the task
    ///   has ended meanwhile, by a time limit or because somebody has terminated it: that stays its state.
    public func report(_ state: TaskState, _ meta: JSONValue = .null) async throws {
        if record.hasEnded { throw CancellationError() }
        guard let results = environment.results else { return }
        let result = TaskResult(id: id, state: state, result: meta, groupID: request.group, parentID: request.parentID)
        let stored = StoredResult(result, route: ReplyRoute(request))
        // A task that is cancelled does not wait for a backend that does not answer.
        try await withAbandonment {
            try await results.store([stored])
        } cleanUp: { _ in
        }
    }

    /// Stores the state PROGRESS with how much is done.
    public func report(progress done: Int, of total: Int) async throws {
        try await report(
            TaskState(rawValue: "PROGRESS"), ["current": .integer(done), "total": .integer(total)])
    }

    /// Sends a task, or a workflow, as a child of this one: it has the same root, and this one as parent.
    ///
    /// - Throws: as ``CeleryClient/enqueue(_:options:)->TaskHandle<Output>``.
    @discardableResult
    public func enqueue<Output>(
        _ signature: Signature<Output>, options: SendOptions = .init()
    ) async throws -> TaskHandle<Output> {
        let (handle, children) = try await sender.send(signature, options, parent: request)
        record.add(children)
        return handle
    }

    /// Sends a task as a child of this one by its name, for tasks without a ``TaskDefinition``.
    ///
    /// - Throws: as ``CeleryClient/enqueue(_:options:)->TaskHandle<Output>``.
    @discardableResult
    public func enqueue(
        named task: String,
        arguments: [JSONValue] = [],
        keywords: JSONObject = [:],
        options: SendOptions = .init()
    ) async throws -> TaskHandle<JSONValue> {
        try await enqueue(Signature(task: task, arguments: arguments, keywords: keywords), options: options)
    }

    /// Sends a child of this task by its name, with arguments of whatever `Encodable` type: variables, dates, values of your
    /// own. `nil` is Python's `None`.
    ///
    ///     try await context.enqueue(named: "images.resize", arguments: [path], keywords: ["size": Size(width: 320)])
    ///
    /// - Throws: as ``CeleryClient/enqueue(_:options:)->TaskHandle<Output>``; `EncodingError` for what JSON cannot hold.
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

    /// Notes the context of the calling task; the last one counts.
    func noteServiceContext() { record.note(ServiceContext.current) }
}
