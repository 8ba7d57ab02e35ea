public import ArgumentParser
public import Celery
internal import CeleryRabbitMQ
internal import CeleryRedis
internal import CeleryTransport
public import Logging

/// The options and environment variables that name the broker and the result backend, as in `celery`.
public struct ConnectionOptions: ParsableArguments {
    @Option(
        name: [.short, .long],
        help:
            "The broker's address: redis://, redis+socket://, amqp://. Default: $CELERY_BROKER_URL, else amqp://guest@localhost//."
    )
    var broker: String?

    @Option(
        name: .long,
        help:
            "The result backend's address: redis://, redis+socket://, rpc://. Default: $CELERY_RESULT_BACKEND, else none."
    )
    var resultBackend: String?

    /// For the argument parser.
    public init() {}

    /// Makes a client for these addresses.
    ///
    /// - Throws: `ValidationError` for an address that names no known transport.
    public func makeClient(logger: Logger) throws -> CeleryClient {
        try CeleryClient(broker: makeBroker(), backend: makeBackend(), logger: logger)
    }

    func makeBroker() throws -> any Broker {
        let address = broker ?? Environment["CELERY_BROKER_URL"] ?? "amqp://guest@localhost//"
        switch address.prefix(while: { $0 != ":" }) {
        case "redis", "rediss", "redis+socket", "socket", "sentinel": return .redis(address)
        case "amqp", "amqps", "pyamqp": return .rabbitMQ(address)
        default: throw ValidationError("a broker's address starts with redis:// or amqp://")
        }
    }

    func makeBackend() throws -> (any ResultBackend)? {
        guard let address = resultBackend ?? Environment["CELERY_RESULT_BACKEND"], !address.isEmpty else { return nil }
        switch address.prefix(while: { $0 != ":" }) {
        case "redis", "rediss", "redis+socket", "socket", "sentinel": return .redis(address)
        case "rpc": return .rpc
        case "disabled": return nil
        default: throw ValidationError("a result backend's address starts with redis:// or rpc://")
        }
    }
}
