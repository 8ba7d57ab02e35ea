internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Publishes over one connection. The connection closes when nothing refers to the producer any more.
final class RabbitMQProducer: Producer {
    private let connection: AMQPConnection<PublisherMachine>
    private let logger: Logger

    /// - Parameter confirmTimeout: how long the server may take to confirm a message.
    init(
        memory: BrokerMemory, logger: Logger, confirmTimeout: Duration = .seconds(30)
    ) throws(TransportError) {
        self.logger = logger
        connection = try AMQPConnection(
            name: "amqp-publish", PublisherMachine(suspects: memory.suspects, confirmTimeout: confirmTimeout)
        ) { action, _ in
            if case .log(let level, let message, let metadata) = action {
                logger.log(level: level, message, metadata: metadata)
            }
        }
    }

    /// Connects with `connect`, which may block its thread, and opens the channel for publishing.
    func open(_ connect: @escaping @Sendable () throws(TransportError) -> AMQPLink) async throws {
        try await connection.open(connect) { $0.open($1, token: $2, now: $3) }
    }

    func publish(_ message: Message, to destination: Destination) async throws {
        try await connection.ask(isCancellable: true) { machine, token, now in
            machine.publish(message, to: destination, token: token, now: now)
        }
    }

    func close() async {
        do {
            try await connection.ask { $0.close(token: $1, now: $2) }
        } catch {
            logger.debug("the connection was closed without a goodbye", metadata: ["error": "\(error)"])
        }
        connection.end(PublisherMachine.closed)
    }
}
