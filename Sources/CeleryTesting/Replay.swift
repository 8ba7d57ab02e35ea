public import Celery
public import CeleryProtocol
public import Logging

/// Runs handlers on captured messages, with no broker: what a worker would do with each message, and nothing else.
///
///     let fixtures = try Fixture.load(contentsOf: "Fixtures/orders.json")
///     let replay = try Replay { TaskHandler(Tasks.ship) { context, order in … } }
///     #expect(await replay.run(fixtures[0].message) == .success("shipped"))
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
        /// The message cannot be run as a task.
        case refused(MessageError)
        /// There is no handler of this name.
        case notRegistered(String)
        /// The handler was cancelled.
        case interrupted
    }

    private let handlers: [String: TaskHandler]
    private let logger: Logger

    /// Takes the handlers to run.
    public init(logger: Logger? = nil, @TaskHandlerBuilder handlers: () -> [TaskHandler]) {
        self.logger = logger ?? Logger(label: "celery.replay", factory: { _ in SwiftLogNoOpLogHandler() })
        self.handlers = Dictionary(handlers().map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    }

    /// Runs the handler that the message names. Eta and expiry are not looked at: a capture is always old.
    public func run(_ message: Message) async -> Outcome {
        let request: TaskRequest
        let payload: TaskPayload
        do throws(MessageError) {
            request = try TaskRequest(message)
            payload = try TaskPayload(message)
        } catch {
            return .refused(error)
        }
        guard let handler = handlers[request.task] else { return .notRegistered(request.task) }
        let context = TaskContext(
            request: request, queue: message.properties.routingKey ?? "", environment: TaskEnvironment(logger: logger))
        return switch await handler.outcome(context, payload) {
        case .success(let value): .success(value)
        case .failure(let failure): .failure(failure)
        case .retry(let countdown, let reason): .retry(after: countdown, reason: reason)
        case .ignored: .ignored
        case .rejected(let requeue, _): .rejected(requeue: requeue)
        case .interrupted: .interrupted
        }
    }
}
