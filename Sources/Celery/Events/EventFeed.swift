internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import DequeModule
internal import Logging
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Sends a worker's events: those of its tasks, many in one message, and those of itself.
///
/// What has happened is written at once, in order, and leaves with the next message: while one is on its way the events
/// that come gather for the next one.
final class EventFeed: Sendable {
    /// So many bytes are kept while the broker does not take them; what comes then is dropped with a word.
    private static let mostBytes = 16 << 20
    /// A message holds no more than this, unless one event alone is larger.
    private static let largestMessage = 256 << 10

    private struct Buffer {
        /// The messages that are to be sent, each a list of events without its last bracket. Only the last one grows.
        var messages: Deque<[UInt8]> = []
        var size = 0
        var dropped = OutageLog()
        var isClosed = false
    }

    private let encoder: EventEncoder
    private let name: String
    private let clock: LogicalClock
    private let publisher: TaskPublisher
    private let exchange: String
    private let exchangeType: Queue.ExchangeType
    private let connection: ConnectionState
    private let logger: Logger
    private let buffer = Locked(Buffer())
    private let news = WakeSignal()
    private let sendsTasks: Atomic<Bool>
    private let outage = Locked(OutageLog())

    init(
        name: String, sendsTasks: Bool, clock: LogicalClock, publisher: TaskPublisher,
        exchange: String, exchangeType: Queue.ExchangeType, connection: ConnectionState, logger: Logger
    ) {
        self.name = name
        self.clock = clock
        self.publisher = publisher
        self.exchange = exchange
        self.exchangeType = exchangeType
        self.connection = connection
        self.logger = logger
        self.sendsTasks = Atomic(sendsTasks)
        encoder = EventEncoder(hostname: name, pid: Int(ProcessInfo.processInfo.processIdentifier))
    }

    // MARK: Tasks

    /// Whether events of tasks are sent (`worker_send_task_events`).
    var isOn: Bool { sendsTasks.load(ordering: .relaxed) }

    /// Switches the events of tasks; whether that has changed anything.
    func setOn(_ isOn: Bool) -> Bool { sendsTasks.exchange(isOn, ordering: .relaxed) != isOn }

    /// Something has happened to a task. To be called only while it ``isOn``.
    func add(_ event: WorkerEvent) {
        guard let (type, fields) = Self.shape(of: event) else { return }
        let (time, clock) = (Date().timeIntervalSince1970, clock.forward())
        let (isFirst, dropped) = buffer.withLock { buffer -> (Bool, Int?) in
            guard !buffer.isClosed else { return (false, nil) }
            guard buffer.size < Self.mostBytes else { return (false, buffer.dropped.failed()) }
            let isFirst = buffer.messages.isEmpty
            if isFirst || buffer.messages[buffer.messages.count - 1].count > Self.largestMessage {
                buffer.messages.append([UInt8(ascii: "[")])
            } else {
                buffer.messages[buffer.messages.count - 1].append(contentsOf: ", ".utf8)
            }
            let before = buffer.messages[buffer.messages.count - 1].count
            encoder.write(type, fields, clock: clock, timestamp: time, to: &buffer.messages[buffer.messages.count - 1])
            buffer.size += buffer.messages[buffer.messages.count - 1].count - before
            return (isFirst, nil)
        }
        if isFirst { news.signal() }
        guard let dropped else { return }
        logger.warning(
            "dropped events of tasks: the broker does not take them as fast as they come",
            metadata: ["count": "\(dropped)"])
    }

    private static func shape(of event: WorkerEvent) -> (type: String, fields: JSONObject)? {
        switch event {
        case .received(let request, _): return ("task-received", .received(request))
        case .started(let request): return ("task-started", .started(request))
        case .expired(let request):
            return ("task-revoked", .revoked(request, isExpired: true))
        case .revoked(let request):
            return ("task-revoked", .revoked(request, isExpired: false))
        case .terminated(let request, let signal):
            return ("task-revoked", .revoked(request, signal: signal, isExpired: false))
        case .ended(let request, let outcome, let runtime):
            switch outcome {
            case .success(let value): return ("task-succeeded", .succeeded(request, value, runtime: runtime))
            case .failure(let failure): return ("task-failed", .failed(request, failure))
            case .retry(let countdown, let reason, _):
                return ("task-retried", .failed(request, reason ?? .retry(of: request, after: countdown)))
            case .rejected(let requeue, _): return ("task-rejected", .rejected(request, requeue: requeue))
            case .replaced, .ignored, .interrupted: return nil
            }
        case .refused, .reconnected: return nil
        }
    }

    /// Sends what gathers, until ``close()``.
    func run() async {
        while true {
            do { try await news.wait() } catch { return }
            while let message = buffer.withLock({ buffer -> [UInt8]? in
                guard let first = buffer.messages.popFirst() else { return nil }
                buffer.size -= first.count
                return first
            }) {
                await send(message + [UInt8(ascii: "]")], "task.multi", isEndless: true)
            }
            if buffer.withLock({ $0.isClosed }) { return }
        }
    }

    /// Nothing is added any more: ``run()`` ends when all is sent.
    func close() {
        buffer.withLock { $0.isClosed = true }
        news.signal()
    }

    // MARK: The worker

    /// Sends an event of the worker itself, `worker-heartbeat` and the like; one that is not taken is not sent again.
    func send(_ type: String, _ fields: JSONObject) async {
        var bytes: [UInt8] = []
        encoder.write(
            type, fields, clock: clock.forward(), timestamp: Date().timeIntervalSince1970, to: &bytes)
        await send(bytes, type.replacing("-", with: "."), isEndless: false)
    }

    /// - Parameter isEndless: whether it is tried again until it is sent, or until nothing is added any more.
    private func send(_ body: [UInt8], _ routingKey: String, isEndless: Bool) async {
        let message = Message.event(body, of: name)
        let destination = Destination(
            exchange: exchange, type: exchangeType, isDurable: true, routingKey: routingKey)
        var schedule = RetrySchedule()
        while true {
            if connection.isOpen {
                do {
                    try await publisher.publish(message, to: destination, retries: 0)
                    outage.withLock { $0.reset() }
                    return
                } catch {
                    logFailure(error)
                }
            }
            guard isEndless, !buffer.withLock({ $0.isClosed }) else { return }
            do { try await Task.sleep(for: schedule.nextDelay()) } catch { return }
        }
    }

    /// A connection that is lost is the log's affair elsewhere.
    private func logFailure(_ error: any Error) {
        guard connection.isOpen, let count = outage.withLock({ $0.failed() }) else { return }
        logger.warning(
            "events cannot be sent", metadata: [LoggingKeys.error: LoggingKeys.reason(error), "count": "\(count)"])
    }
}
