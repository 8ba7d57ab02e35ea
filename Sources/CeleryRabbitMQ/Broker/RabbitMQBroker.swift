public import CeleryTransport
public import Logging

/// A RabbitMQ server, or several of which the first that can be reached is used.
///
/// Queues, exchanges and bindings are declared as Celery declares them. What is there in another shape, or may not be
/// declared by this user, is used as it is, and the log says how it differs. Publishing waits for the server's confirmation,
/// which Celery does only with `confirm_publish`.
public struct RabbitMQBroker: Broker {
    private let addresses: Result<[RabbitMQAddress], TransportError>
    private let memory = BrokerMemory()

    /// Names a server, as Celery's `broker_url` does: `amqp://user:password@host:port/virtual-host`.
    ///
    /// Absent parts are `guest`, `guest`, `localhost`, 5672 and the virtual host `/`. Several URLs separated by `;` are
    /// tried in turn. Options: `heartbeat`, the seconds between heartbeats (60; 0 for none), and `connect_timeout`, the
    /// seconds that connecting may take (4). `login_method` is PLAIN. Whatever else kombu or py-amqp know is refused by
    /// name, and so is what nobody knows. A URL that makes no sense is reported when a connection is made.
    public init(_ url: String) {
        self.init(url, transportOptions: [:])
    }

    /// As ``init(_:)``, with options by their Celery names, which count more than those of the addresses.
    package init(_ url: String, transportOptions: [String: String]) {
        do throws(TransportError) {
            var list: [RabbitMQAddress] = []
            for part in url.split(separator: ";") where !part.allSatisfy(\.isWhitespace) {
                list.append(try RabbitMQAddress(String(part), transportOptions: transportOptions))
            }
            guard !list.isEmpty else { throw TransportError(.invalidConfiguration, "the broker's URL is empty") }
            addresses = .success(list)
        } catch {
            addresses = .failure(error)
        }
    }

    /// Fails with what is wrong with an address or an option.
    package func validate() throws(TransportError) { _ = try addresses.get() }

    /// The addresses, if they make sense.
    func validAddresses() throws(TransportError) -> [RabbitMQAddress] { try addresses.get() }

    /// The addresses without their passwords.
    public var location: String {
        switch addresses {
        case .success(let addresses): addresses.map(\.description).joined(separator: ";")
        case .failure: "amqp://"
        }
    }

    /// Other workers.
    public var hasNeighbors: Bool { true }

    /// Opens a connection with two channels, for publishing and for declaring.
    public func makeProducer(logger: Logger) async throws -> any Producer {
        let addresses = try addresses.get()
        let producer = try RabbitMQProducer(memory: memory, logger: logger)
        try await producer.open { () throws(TransportError) in
            try AMQPConnector.connect(to: addresses, name: "celery-swift producer")
        }
        return producer
    }

    /// Opens a connection with one channel that consumes all of the configuration's queues, and one for declaring them.
    ///
    /// - Throws: `TransportError`; with the code `refused` when a queue cannot be used, such as one that belongs to
    ///   another connection, or one that is not there and that the server does not declare.
    public func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
        let addresses = try addresses.get()
        return try await RabbitMQConsumer.open(configuration, memory: memory, logger: logger) {
            () throws(TransportError) in
            try AMQPConnector.connect(to: addresses, name: configuration.name)
        }
    }
}

extension Broker where Self == RabbitMQBroker {
    /// RabbitMQ at a URL such as `amqp://guest:guest@localhost:5672//`; see ``RabbitMQBroker/init(_:)``.
    public static func rabbitMQ(_ url: String) -> RabbitMQBroker { RabbitMQBroker(url) }
}
