internal import Celery
internal import CeleryIO
internal import Logging

/// The broker, the result backend and the log of a ``Replay``: keeps what it is given and has nothing to give.
final class Recorder: Broker, Producer, ResultStore {
    private struct State {
        var retries: [TaskFailure?] = []
        var sent: [SentTask] = []
        var reports: [TaskResult] = []
        var log: [Recording.LogLine] = []
    }

    private let state = Locked(State())

    var location: String { "replay" }

    func recording(_ outcome: Replay.Outcome) -> Recording {
        let state = state.withLock { $0 }
        return Recording(
            outcome, retries: state.retries, sent: state.sent, reports: state.reports, log: state.log)
    }

    func add(retry reason: TaskFailure?) { state.withLock { $0.retries.append(reason) } }

    func add(_ line: Recording.LogLine) { state.withLock { $0.log.append(line) } }

    /// A logger that writes to this recorder too.
    func logger(beside logger: Logger) -> Logger {
        var logger = logger
        logger.handler = RecordingLogHandler(recorder: self, handler: logger.handler)
        logger.logLevel = .trace
        return logger
    }

    // MARK: Broker

    func makeProducer(logger: Logger) async throws -> any Producer { self }

    func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
        throw Self.unsupported("a replay delivers no messages")
    }

    func publish(_ message: Message, to destination: Destination) async throws {
        let request = try TaskRequest(message)
        let payload = try TaskPayload(message)
        let task = SentTask(
            request: request, arguments: payload.args, keywords: payload.kwargs, destination: destination,
            message: message)
        state.withLock { $0.sent.append(task) }
    }

    // MARK: Results

    func prepare() async throws {}

    func store(contentsOf results: [StoredResult]) async -> [Int: any Error] {
        state.withLock { $0.reports += results.map(\.result) }
        return [:]
    }

    func result(of id: String) async throws -> TaskResult? { nil }

    func watch(_ id: String, _ watcher: ResultWatcher) async throws {
        throw Self.unsupported("a replay runs no other tasks: the result of \(id) will not come")
    }

    func forget(_ id: String) async throws {}

    func close() async {}

    private static func unsupported(_ reason: String) -> TransportError { TransportError(.unsupported, reason) }
}
