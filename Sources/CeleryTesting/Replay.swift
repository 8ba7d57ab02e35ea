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
    /// What became of a message.
    public enum Outcome: Sendable, Hashable {
        /// The handler returned this.
        case success(JSONValue)
        /// The handler threw, or the arguments did not fit it.
        case failure(TaskFailure)
        /// The task is to be tried again after so long.
        case retry(after: Duration, reason: TaskFailure?)
        /// The handler threw ``Ignore``.
        case ignored
        /// The handler threw ``Reject``.
        case rejected(requeue: Bool)
        /// The message cannot be run as a task, or is to be followed by something that is not built.
        case refused(MessageError)
        /// There is no handler of this name.
        case notRegistered(String)
        /// The handler was cancelled.
        case interrupted
    }

    private let handlers: [String: TaskHandler]
    private let logger: Logger

    /// Takes the handlers to run.
    ///
    /// - Throws: `CeleryError` with the code `duplicateTask` for two handlers of one name, as a worker does.
    public init(logger: Logger? = nil, @TaskHandlerBuilder handlers: () -> [TaskHandler]) throws {
        self.logger = logger ?? Logger(label: "celery.replay", factory: { _ in SwiftLogNoOpLogHandler() })
        self.handlers = try handlers().byName()
    }

    /// Runs the handler that a captured message names.
    public func run(_ fixture: Fixture) async -> Outcome {
        switch fixture.message {
        case .success(let message): await run(message)
        case .failure(let error): .refused(error)
        }
    }

    /// Runs the handler of a call, without a message.
    ///
    /// - Parameter request: what the handler finds in its context; by default a first try with the id `test`.
    /// - Throws: `EncodingError` when an argument cannot be sent.
    public func run<Output>(_ call: Signature<Output>, as request: TaskRequest? = nil) async throws -> Outcome {
        let payload = try call.payload()
        guard let handler = handlers[call.task] else { return .notRegistered(call.task) }
        let request = request ?? TaskRequest(task: call.task, id: "test")
        return await run(handler, payload, .testing(request, logger: logger))
    }

    /// Runs the handler that the message names. Eta and expiry are not looked at: a capture is always old.
    public func run(_ message: Message) async -> Outcome {
        do throws(MessageError) {
            let request = try TaskRequest(message)
            guard let handler = handlers[request.task] else { return .notRegistered(request.task) }
            let payload = try handler.payload(of: message, request)
            let queue = message.properties.routingKey ?? ""
            return await run(handler, payload, .testing(request, queue: queue, logger: logger))
        } catch {
            return .refused(error)
        }
    }

    private func run(_ handler: TaskHandler, _ payload: TaskPayload, _ context: TaskContext) async -> Outcome {
        switch await handler.outcome(context, payload) {
        case .success(let value): .success(value)
        case .failure(let failure): .failure(failure)
        case .retry(let countdown, let reason): .retry(after: countdown, reason: reason)
        case .ignored: .ignored
        case .rejected(let requeue, _): .rejected(requeue: requeue)
        case .interrupted: .interrupted
        }
    }
}
