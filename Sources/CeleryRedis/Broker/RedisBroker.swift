public import CeleryTransport
public import Logging

/// Redis as Celery's broker, in kombu's layout: Python workers and this one share queues, and each restores what the
/// other held when it died.
///
/// What goes to a fanout exchange is announced to everybody who listens at the moment (PUBLISH), and nobody keeps it.
/// Lists on Redis go away when they are empty, so that `Queue.isAutoDelete` means nothing here; nor does `Queue.expires` to
/// what is in them: what this package pushes to a queue stays there.
public struct RedisBroker: Broker {
    /// The schemes that are read here, if only to say that they are not supported.
    package static let schemes: Set = [
        "redis", "rediss", "redis+socket", "rediss+socket", "socket", "unix", "sentinel",
    ]

    private let address: Result<RedisAddress, TransportError>
    /// With those of the address.
    package let options: Options
    private let heard = HeardAnnouncements()

    /// The broker at `redis://[user[:password]@]host[:port][/database]` or `redis+socket:///path?virtual_host=database`.
    ///
    /// The address may have options, as in `redis://host/0?visibility_timeout=43200`; they count more than `options`:
    ///
    /// - those of ``Options``: `visibility_timeout` in seconds, `priority_steps` as in `0,3,6,9`, `sep`,
    ///   `queue_order_strategy`;
    /// - `db`, `username` and `password`, which count more than those before the question mark, as in Celery's backends;
    /// - `socket_connect_timeout` (or `connect_timeout`; 10), `socket_timeout`, how long an answer may take (20), and
    ///   `health_check_interval` (25), all in seconds; `client_name`.
    ///
    /// Whatever else kombu, Celery or redis-py know is refused by name, unless it asks for what is so anyway, and so is
    /// what nobody knows. An address or an option that makes no sense is reported by the first connection.
    public init(_ url: String, options: Options = .init()) {
        self.init(url, options: options, transportOptions: [:])
    }

    /// As ``init(_:options:)``, with options as texts by their Celery names, which count more than those of the address.
    package init(_ url: String, options: Options = .init(), transportOptions: [String: String]) {
        do throws(TransportError) {
            let address = try RedisAddress(url, role: .broker, transportOptions: transportOptions)
            self.options = try options.overridden(by: address.options)
            self.address = .success(address)
        } catch {
            self.options = options
            address = .failure(error)
        }
    }

    /// Fails with what is wrong with the address or an option.
    package func validate() throws(TransportError) { _ = try address.get() }

    /// The address, if it makes sense.
    func validAddress() throws(TransportError) -> RedisAddress { try address.get() }

    /// Does something over a connection of its own.
    func withConnection<Value>(
        _ name: String, _ logger: Logger, _ body: (RedisConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await RedisConnection.open(validAddress(), name: name, logger: logger)
        let outcome = await Result { try await body(connection) }
        await connection.close()
        return try outcome.get()
    }

    /// The address without its password.
    public var location: String {
        switch address {
        case .success(let address): address.description
        case .failure(let error): error.message
        }
    }

    /// Other workers.
    public var hasNeighbors: Bool { true }

    /// Opens a connection for publishing.
    public func makeProducer(logger: Logger) async throws -> any Producer {
        let address = try address.get()
        let connection = try await RedisConnection.open(address, name: "celery-publish", logger: logger)
        return RedisProducer(connection, keys: options.keys(of: address), logger: logger)
    }

    /// Opens the connections for consuming: one for commands, one for the news of pushed messages.
    public func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
        let address = try address.get()
        let (fanout, lists) = configuration.split { $0.exchangeType == .fanout }
        if fanout.queues.isEmpty {
            guard configuration.isAutoAcknowledging else {
                return try await RedisConsumer.open(address, configuration, options: options, logger: logger)
            }
            return try await PoppingConsumer.open(address, configuration, keys: options.keys, logger: logger)
        }
        let listen: MixedConsumer.Listen = { [options, heard] firstNumber in
            try await FanoutConsumer.open(
                address, fanout, keys: options.keys(of: address), firstNumber: firstNumber, heard: heard,
                logger: logger)
        }
        if lists.queues.isEmpty { return try await listen(FanoutConsumer.firstNumber) }
        guard !configuration.isAutoAcknowledging else {
            throw TransportError(
                .unsupported,
                "queues of fanout exchanges and others cannot be consumed together without acknowledgements")
        }
        let held = try await RedisConsumer.open(address, lists, options: options, logger: logger)
        do {
            return MixedConsumer(held, try await listen(FanoutConsumer.firstNumber), listen: listen, logger: logger)
        } catch {
            await held.close()
            throw error
        }
    }

    /// On Redis the exchange of events is a fanout exchange, as in Celery: subscribers choose by patterns.
    public var eventExchangeType: Queue.ExchangeType { .fanout }
}

extension Broker where Self == RedisBroker {
    /// Redis at this address; see ``RedisBroker``.
    public static func redis(_ url: String, options: RedisBroker.Options = .init()) -> RedisBroker {
        RedisBroker(url, options: options)
    }
}

extension ConsumerConfiguration {
    /// The same for the queues of which `isFirst` is true, and for the others.
    fileprivate func split(_ isFirst: (Queue) -> Bool) -> (Self, Self) {
        var (first, second) = (self, self)
        first.queues = queues.filter(isFirst)
        second.queues.removeAll(where: isFirst)
        return (first, second)
    }
}
