internal import CeleryProtocol
internal import CeleryTransport

/// Publishes over one connection. The connection closes when nothing refers to the producer any more.
final class RabbitMQProducer: Producer {
    private let connection: PublishConnection

    init(_ connection: PublishConnection) {
        self.connection = connection
    }

    func publish(_ message: Message, to destination: Destination) async throws {
        try await connection.publish(message, to: destination)
    }

    func close() async {
        await connection.close()
    }
}
