public import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Asks and steers workers, in whichever language, as `celery inspect` and `celery control` do (``CeleryClient/control``).
///
///     for reply in try await client.control.ask("active_queues") {
///         print(reply.node, reply.value)
///     }
public struct ControlClient: Sendable {
    /// So long workers have to answer unless told otherwise, as in Celery.
    public static let usualTimeout = Duration.seconds(1)

    private let broker: any Broker
    private let publisher: TaskPublisher
    private let exchange: String
    let clock: LogicalClock
    private let logger: Logger

    init(
        broker: any Broker, publisher: TaskPublisher, exchange: String, clock: LogicalClock = LogicalClock(),
        logger: Logger
    ) {
        self.clock = clock
        self.broker = broker
        self.publisher = publisher
        self.exchange = exchange
        self.logger = logger
    }

    /// Tells workers to do something, and waits for no reply.
    ///
    /// - Parameters:
    ///   - method: the name of the command, such as `shutdown`.
    ///   - arguments: its arguments.
    ///   - audience: whom it is meant for.
    /// - Throws: `TransportError` when the broker cannot be reached or refuses.
    public func tell(
        _ method: String, arguments: JSONObject = [:], audience: NodeAudience = .all
    ) async throws {
        try await send(ControlRequest(method, arguments: arguments, audience: audience, clock: clock.forward()))
    }

    /// Asks workers and gathers their replies, in the order in which they come.
    ///
    /// - Parameters:
    ///   - method: the name of the command, such as `ping`.
    ///   - arguments: its arguments.
    ///   - audience: whom it is meant for.
    ///   - timeout: how long to wait; nobody knows how many workers there are.
    ///   - limit: after how many replies not to wait any longer; by default as many as there are names in `audience`.
    /// - Returns: one reply of each worker; none of those that do not answer in time.
    /// - Throws: `TransportError` when the broker cannot be reached or refuses.
    public func ask(
        _ method: String, arguments: JSONObject = [:], audience: NodeAudience = .all,
        timeout: Duration = usualTimeout, limit: Int? = nil
    ) async throws -> [ControlReply] {
        var replies: [ControlReply] = []
        try await ask(method, arguments: arguments, audience: audience, timeout: timeout, limit: limit) {
            replies.append($0)
        }
        return replies
    }

    /// Asks workers, and gives each reply to `onReply` as it comes.
    ///
    /// - Throws: as ``ask(_:arguments:audience:timeout:limit:)``.
    public func ask(
        _ method: String, arguments: JSONObject = [:], audience: NodeAudience = .all,
        timeout: Duration = usualTimeout, limit: Int? = nil, onReply: (ControlReply) -> Void
    ) async throws {
        try await ask(
            method, arguments: arguments, audience: audience, timeout: timeout, limit: limit, onAsked: {},
            onReply: onReply)
    }

    /// As the public one.
    ///
    /// - Parameter onAsked: called when the question is sent.
    func ask(
        _ method: String, arguments: JSONObject = [:], audience: NodeAudience = .all,
        timeout: Duration = usualTimeout, limit: Int? = nil, onAsked: () -> Void, onReply: (ControlReply) -> Void
    ) async throws {
        let (ticket, id) = (RandomID.make(), RandomID.make())
        let queue = Queue(
            "\(id).reply.\(exchange).pidbox", exchange: "reply.\(exchange).pidbox", routingKey: id, isDurable: false,
            isExchangeDurable: false, isExclusive: true, isAutoDelete: true, expires: .seconds(10))
        let consumer = try await broker.makeConsumerAbandonably(
            ConsumerConfiguration(
                queues: [queue], prefetch: 0, isAutoAcknowledging: true, deletesQueues: true,
                name: "celery-swift control"), logger: logger)
        let outcome = await Result {
            let expires = Date() + timeout.inSeconds
            try await send(
                ControlRequest(
                    method, arguments: arguments, audience: audience, ticket: ticket,
                    replyTo: .init(exchange: queue.exchange, routingKey: id), clock: clock.forward()),
                expires: expires)
            onAsked()
            try await gather(
                from: consumer, ticket, until: .now + timeout, limit: limit ?? audience.count, onReply)
        }
        await consumer.close()
        try outcome.get()
    }

    private func send(_ request: ControlRequest, expires: Date? = nil) async throws {
        try await publisher.publish(
            request.message(expires: expires),
            to: Destination(exchange: "\(exchange).pidbox", type: .fanout, isDurable: false, routingKey: ""))
    }

    private func gather(
        from consumer: any Consumer, _ ticket: String, until deadline: ContinuousClock.Instant, limit: Int?,
        _ onReply: (ControlReply) -> Void
    ) async throws {
        var count = 0
        while limit.map({ count < $0 }) ?? true {
            let waiter = Waiter<[Delivery]?>()
            let deliveries = try await waiter.value(until: deadline) {
                waiter.settle(.success(try await consumer.receive(upTo: 100)))
            }
            guard let deliveries else { return }
            for delivery in deliveries {
                do throws(MessageError) {
                    for reply in try ControlReply.replies(of: try delivery.message.get())
                    where reply.ticket ?? ticket == ticket {
                        clock.adjust(reply.clock ?? 0)
                        count += 1
                        onReply(reply)
                    }
                } catch {
                    logger.warning("ignored a reply of remote control", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}

extension NodeAudience {
    /// How many nodes it is meant for, if that is known.
    fileprivate var count: Int? {
        if case .named(let names) = self { names.count } else { nil }
    }
}
