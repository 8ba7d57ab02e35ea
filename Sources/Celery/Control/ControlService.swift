internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Obeys remote control (kombu's mailbox): hears what is sent to all workers, runs the commands one after the other, and
/// replies. Whatever happens here, the worker goes on.
final class ControlService: Sendable {
    /// More requests are not kept; the broker keeps them, or, on Redis, the oldest are dropped with a word.
    private static let mostWaiting = 1000

    private let broker: any Broker
    private let exchange: String
    private let commands: [String: ControlCommand]
    private let state: WorkerState
    private let publisher: TaskPublisher
    private let logger: Logger
    private let requests = WorkQueue<Delivery>()

    /// - Parameters:
    ///   - exchange: Celery's `control_exchange`.
    ///   - commands: beside Celery's own.
    ///   - publisher: sends the replies.
    init(
        broker: any Broker, exchange: String, commands: [ControlCommand], state: WorkerState,
        publisher: TaskPublisher
    ) {
        self.broker = broker
        self.exchange = exchange
        self.commands = ControlCommand.byName(ControlCommand.all + commands)
        self.state = state
        self.publisher = publisher
        logger = state.logger
    }

    /// Hears and obeys until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.obey() }
            await self.hear()
            self.requests.close(discarding: true)
        }
    }

    /// The queue that requests come to: the worker's own, which goes away with it.
    private var mailbox: Queue {
        Queue(
            "\(state.name).\(exchange).pidbox", exchange: "\(exchange).pidbox", exchangeType: .fanout, routingKey: "",
            isDurable: false, isExchangeDurable: false, isExclusive: true, isAutoDelete: true, expires: .seconds(10),
            arguments: ["x-message-ttl": 300_000])
    }

    /// Connects and listens, again and again, until cancelled.
    private func hear() async {
        var connections = ConnectionRecord()
        let configuration = ConsumerConfiguration(
            queues: [mailbox], prefetch: 0, isAutoAcknowledging: true, name: "\(state.name) control")
        while !Task.isCancelled {
            do {
                let consumer = try await broker.makeConsumerAbandonably(configuration, logger: logger)
                _ = connections.opened()
                let outcome = await Result {
                    try await consumer.receive { [requests] in
                        Self.mostWaiting - requests.count
                    } _: { [requests] deliveries in
                        requests.push(contentsOf: deliveries)
                    }
                }
                connections.ended(hasSettled: false)
                await consumer.close()
                try outcome.get()
            } catch is CancellationError {
                return
            } catch {
                let (delay, isWorthALine) = connections.failed()
                if isWorthALine {
                    logger.warning(
                        "cannot hear remote control, trying again",
                        metadata: [LoggingKeys.error: LoggingKeys.reason(error)])
                }
                do { try await Task.sleep(for: delay) } catch { return }
            }
        }
    }

    private func obey() async {
        while let delivery = await requests.next() { await obey(delivery) }
    }

    private func obey(_ delivery: Delivery) async {
        let request: ControlRequest
        do {
            request = try ControlRequest(try delivery.message.get())
            state.clock.adjust(request.clock ?? 0)
            guard try request.audience.includes(state.name) else { return }
        } catch {
            logger.warning("ignored a request of remote control", metadata: [LoggingKeys.error: "\(error)"])
            return
        }
        guard let answer = await answer(to: request), let address = request.replyTo else { return }
        let reply = ControlReply(
            node: state.name, value: answer, ticket: request.ticket, clock: state.clock.forward())
        do {
            try await publisher.publish(
                reply.message,
                to: Destination(
                    exchange: address.exchange, type: .direct, isDurable: false, routingKey: address.routingKey))
        } catch {
            // The client may be gone.
            logger.debug(
                "a reply of remote control was not sent",
                metadata: ["command": "\(LogText.name(request.method))", LoggingKeys.error: "\(error)"])
        }
    }

    /// What a command says; `nil` for nothing.
    private func answer(to request: ControlRequest) async -> JSONValue? {
        guard let command = commands[request.method] else {
            logger.warning(
                "there is no such command of remote control", metadata: ["command": "\(LogText.name(request.method))"])
            return .error("\(ControlError("KeyError", request.method))")
        }
        do {
            switch try await command.run(state, ControlArguments(request.method, request.arguments)) {
            case .reply(let value): return value
            case .silence: return nil
            }
        } catch {
            logger.warning(
                "a command of remote control failed",
                metadata: ["command": "\(LogText.name(request.method))", LoggingKeys.error: "\(error)"])
            return .error((error as? ControlError)?.description ?? "\(ControlError("Exception", "\(error)"))")
        }
    }
}
