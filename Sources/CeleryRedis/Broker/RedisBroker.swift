public import CeleryTransport
public import Logging

/// Redis as Celery's broker, in kombu's layout: Python workers and this one share queues, and each restores what the
/// other held when it died.
///
/// Fanout exchanges are not supported. Lists on Redis go away when they are empty, so that ``Queue/isAutoDelete`` means
/// nothing here; nor does ``Queue/expires``: what this package pushes to a queue stays there.
public struct RedisBroker: Broker {
    /// How the transport behaves; Celery's `broker_transport_options`.
    public struct Options: Sendable, Hashable {
        /// After how many seconds a held message is delivered again (`visibility_timeout`).
        ///
        /// Held messages of all queues of a database are in one place, and every worker looks after all of them: all
        /// workers and apps that use the database must agree on this, Python's among them. A worker with a shorter one
        /// restores what others still run. The time is that of the workers' clocks: these must not differ by more than
        /// a fraction of the ``lease``.
        public var visibilityTimeout: Double
        /// After how many seconds without renewal a message that this worker holds counts as left behind. At most
        /// the visibility timeout counts. Renewed every third of it while the message is held.
        public var lease: Double

        /// The steps that priorities are rounded down to (`priority_steps`), ascending; each has a list of its own, and
        /// the first is served first. Senders and workers must agree on them.
        public var prioritySteps: [Int]
        /// What stands between a queue's name and a priority step in the name of a list (`sep`). Senders and workers must
        /// agree on it.
        public var separator: String

        /// Makes options; the defaults are Celery's, and a lease of one minute.
        public init(
            visibilityTimeout: Double = 3600, lease: Double = 60, prioritySteps: [Int] = [0, 3, 6, 9],
            separator: String = "\u{6}\u{16}"
        ) {
            self.visibilityTimeout = visibilityTimeout
            self.lease = lease
            self.prioritySteps = prioritySteps
            self.separator = separator
        }

        var keys: KombuKeys { KombuKeys(prioritySteps: prioritySteps, separator: separator) }
    }

    private let address: Result<RedisAddress, TransportError>
    private let options: Options

    /// The broker at `redis://[user[:password]@]host[:port][/database]` or `redis+socket:///path`. An option
    /// `visibility_timeout` in the address counts more than `options`.
    ///
    /// An address that makes no sense is reported by the first connection.
    public init(_ url: String, options: Options = .init()) {
        var options = options
        address = Result { () throws(TransportError) in try RedisAddress(url) }
        if case .success(let address) = address,
            let seconds = address.options["visibility_timeout"].flatMap(Double.init),
            seconds > 0, seconds.isFinite
        {
            options.visibilityTimeout = seconds
        }
        self.options = options
    }

    /// The address without its password.
    public var location: String {
        switch address {
        case .success(let address): address.description
        case .failure(let error): error.message
        }
    }

    /// Opens a connection for publishing.
    public func makeProducer(logger: Logger) async throws -> any Producer {
        let connection = try await RedisConnection.open(address.get(), name: "celery-publish", logger: logger)
        return RedisProducer(connection, keys: options.keys, logger: logger)
    }

    /// Opens the connections for consuming: one for commands, one for the news of pushed messages.
    public func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
        try await RedisConsumer.open(address.get(), configuration, options: options, logger: logger)
    }
}

extension Broker where Self == RedisBroker {
    /// Redis at this address; see ``RedisBroker``.
    public static func redis(_ url: String, options: RedisBroker.Options = .init()) -> RedisBroker {
        RedisBroker(url, options: options)
    }
}
