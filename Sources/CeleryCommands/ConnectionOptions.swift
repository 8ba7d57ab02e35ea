internal import ArgumentParser
internal import Celery
internal import CeleryRabbitMQ
internal import CeleryRedis
internal import CeleryTransport
internal import Logging

/// The options that name the broker and the result backend, as in `celery`, and the file of settings.
struct ConnectionOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "A file of settings by Celery's lower-case names, in JSON. Environment variables such as CELERY_TASK_ACKS_LATE count more, options most.",
            valueName: "file"),
        completion: .file(extensions: ["json"]))
    var config: String?

    @Option(
        name: [.customShort("b", allowingJoined: true), .long],
        help:
            "The broker's address: redis://, redis+socket://, amqp://. Default: $CELERY_BROKER_URL, then broker_url of --config, else amqp://guest@localhost//."
    )
    var broker: String?

    @Option(
        name: .long,
        help:
            "The result backend's address: redis://, redis+socket://, rpc://. Default: $CELERY_RESULT_BACKEND, then result_backend of --config, else none."
    )
    var resultBackend: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "An option of Celery's broker_transport_options, such as priority_steps=0,3,6,9; may be given again.",
            valueName: "name=value"))
    var brokerTransportOption: [TransportOption] = []

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "On Redis: after how many seconds a message whose worker is gone is delivered again. Must be the same for all who use the database. Default: 3600.",
            valueName: "seconds"),
        transform: NumberArgument.positiveSeconds(upTo: AddressOptions.longest))
    var visibilityTimeout: Duration?

    /// For the argument parser.
    init() {}

    /// Checks what the parser cannot know.
    mutating func validate() throws {
        _ = try transportOptions()
    }

    /// Makes a client for these addresses.
    ///
    /// - Parameter results: what the command wants of results, which must not be in vain; `nil` when it wants none.
    /// - Throws: `ValidationError` for an address that names no known transport; `TransportError` for one that makes no
    ///   sense, or for an option that is not supported.
    func makeClient(for results: WantedResults? = nil, logger: Logger) throws -> CeleryClient {
        let configuration = try configuration()
        let broker = try makeBroker(configuration)
        let backend = try makeBackend(configuration)
        try results?.check(backend)
        return try CeleryClient(
            broker: broker, backend: backend, routing: configuration.routing,
            defaultOptions: configuration.defaultOptions, controlExchange: configuration.worker.controlExchange,
            events: configuration.events, logger: logger)
    }

    /// A program's settings with those of the file, of the environment and of the command line, each counting more than
    /// the one before.
    ///
    /// - Throws: `CeleryError` for a setting whose value makes no sense; `ValidationError` for a file that cannot be read.
    func configuration(over base: CeleryConfiguration = .init()) throws -> CeleryConfiguration {
        var configuration = try Self.configuration(over: base, file: config)
        if let broker = Self.address(broker) { configuration.broker = broker }
        if let resultBackend = Self.address(resultBackend) { configuration.resultBackend = resultBackend }
        configuration.brokerTransportOptions.merge(try transportOptions()) { _, given in given }
        return configuration
    }

    /// A program's settings with those of a file and of the environment.
    static func configuration(over base: CeleryConfiguration, file: String?) throws -> CeleryConfiguration {
        var configuration = base
        if let file { try configuration.apply(SettingsFile.read(file)) }
        try configuration.apply(Environment.settings)
        return configuration
    }

    func makeBroker(_ configuration: CeleryConfiguration) throws -> any OperableBroker {
        try Self.broker(
            at: Self.address(configuration.broker) ?? "amqp://guest@localhost//", configuration.brokerTransportOptions,
            visibilityTimeout: visibilityTimeout)
    }

    static func broker(
        at address: String, _ options: [String: String], visibilityTimeout: Duration? = nil
    ) throws -> any OperableBroker {
        switch scheme(address) {
        case "amqp", "amqps", "pyamqp", "librabbitmq":
            if visibilityTimeout != nil {
                throw ValidationError(
                    "--visibility-timeout is a setting of Redis and means nothing to RabbitMQ: it gives a message to "
                        + "others as soon as its worker's connection has ended")
            }
            let broker = RabbitMQBroker(address, transportOptions: options)
            try broker.validate()
            return broker
        case let scheme? where RedisBroker.schemes.contains(scheme):
            let broker = RedisBroker(address, transportOptions: options)
            try broker.validate()
            return broker
        case "rpc": throw ValidationError("rpc:// is a result backend, no broker")
        case let scheme:
            throw ValidationError(unknown(scheme, "a broker's address starts with redis:// or amqp://"))
        }
    }

    func makeBackend(_ configuration: CeleryConfiguration) throws -> (any ResultBackend)? {
        guard let address = Self.address(configuration.resultBackend) else { return nil }
        switch Self.scheme(address) ?? address.lowercased() {
        case "rpc":
            // What stands behind it Python ignores.
            guard ["rpc", "rpc://"].contains(address.lowercased()) else {
                throw ValidationError("rpc:// has no host and no options: results come by way of the broker")
            }
            return .rpc
        case "disabled": return nil
        case let scheme where RedisBroker.schemes.contains(scheme):
            return .redis(address, expires: configuration.resultExpires, chords: configuration.chords)
        case "amqp", "amqps", "pyamqp", "librabbitmq":
            throw ValidationError("RabbitMQ is no result backend: results that come by way of the broker are rpc://")
        case let scheme:
            throw ValidationError(Self.unknown(scheme, "a result backend's address starts with redis:// or rpc://"))
        }
    }

    /// Names a scheme that Celery knows; anything else may be a part of a password.
    private static func unknown(_ scheme: String?, _ reason: String) -> String {
        guard let scheme, foreignSchemes.contains(scheme) else { return reason }
        return "\(scheme):// is not supported: \(reason)"
    }

    private static let foreignSchemes: Set = [
        "arangodb", "azureblockblob", "azureservicebus", "azurestoragequeues", "cache", "cache+memcached",
        "cache+memory", "cassandra", "confluentkafka", "consul", "cosmosdbsql", "couchbase", "couchdb", "db+mysql",
        "db+oracle", "db+postgresql", "db+sqlite", "dynamodb", "elasticsearch", "etcd", "file", "filesystem",
        "gcpubsub", "gs", "kafka", "memory", "mongodb", "mongodb+srv", "pyro", "qpid", "s3", "sqs", "zookeeper",
    ]

    /// The options of `broker_transport_options` by name.
    private func transportOptions() throws -> [String: String] {
        var given = brokerTransportOption
        if let visibilityTimeout {
            given.append(TransportOption(name: "visibility_timeout", value: String(visibilityTimeout.inSeconds)))
        }
        return try Self.byName(given)
    }

    static func byName(_ given: [TransportOption]) throws -> [String: String] {
        var options: [String: String] = [:]
        for option in given {
            guard options.updateValue(option.value, forKey: option.name) == nil else {
                throw ValidationError("the transport option \(option.name) is given twice")
            }
        }
        return options
    }

    /// An address, unless it is empty.
    private static func address(_ text: String?) -> String? {
        text.map { $0.trimmingSpace() }.flatMap { $0.isEmpty ? nil : $0 }
    }

    private static func scheme(_ address: String) -> String? {
        address.firstRange(of: "://").map { address[..<$0.lowerBound].lowercased() }
    }
}
