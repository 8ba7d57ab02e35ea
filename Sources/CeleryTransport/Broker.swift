public import Logging

/// A message broker: where tasks are published and consumed.
///
/// A broker is a value that says where and how to connect; connections are made by ``makeProducer(logger:)`` and
/// ``makeConsumer(_:logger:)``. Both transports of this package and the in-memory one conform; a further transport
/// conforms to this protocol, ``Producer`` and ``Consumer``.
public protocol Broker: Sendable {
    /// Where the broker is, for people: an address without its password.
    var location: String { get }

    /// Opens a connection for publishing.
    ///
    /// - Throws: ``TransportError`` when the broker cannot be reached or refuses.
    func makeProducer(logger: Logger) async throws -> any Producer

    /// Opens a connection for consuming, declares the queues and starts to receive.
    ///
    /// - Throws: ``TransportError`` when the broker cannot be reached or refuses.
    func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer

    /// The type of the exchange of events: a topic exchange, but on Redis.
    var eventExchangeType: Queue.ExchangeType { get }

    /// Whether workers of other processes may be on it, which a worker asks at its start which tasks are not to run.
    var hasNeighbors: Bool { get }
}

extension Broker {
    /// A topic exchange.
    public var eventExchangeType: Queue.ExchangeType { .topic }

    /// Nobody else.
    public var hasNeighbors: Bool { false }

    /// Opens a consumer as ``makeConsumer(_:logger:)`` does, and stops waiting for it when the calling task is cancelled: one
    /// that is there after all is closed.
    package func makeConsumerAbandonably(
        _ configuration: ConsumerConfiguration, logger: Logger
    ) async throws -> any Consumer {
        try await withAbandonment {
            try await makeConsumer(configuration, logger: logger)
        } cleanUp: { consumer in
            await consumer.close()
        }
    }
}
