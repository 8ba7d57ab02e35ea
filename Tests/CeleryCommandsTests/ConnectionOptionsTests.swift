import ArgumentParser
import CeleryRabbitMQ
import CeleryRedis
import CeleryTransport
import Logging
import Testing

@testable import CeleryCommands

@Suite struct ConnectionOptionsTests {
    @Test(arguments: [
        "redis://h", "Redis://h", "REDIS+SOCKET:///run/r", " redis://h/1\n", "redis+socket:///run/r?virtual_host=3",
    ])
    func theBrokerIsRedis(address: String) throws {
        #expect(try ConnectionOptions.parse(["-b", address]).makeBroker() is RedisBroker)
    }

    @Test(arguments: ["amqp://h", "AMQP://h", "pyamqp://h", "PyAMQP://h", "librabbitmq://h", " amqp://h\n"])
    func theBrokerIsRabbitMQ(address: String) throws {
        #expect(try ConnectionOptions.parse(["--broker", address]).makeBroker() is RabbitMQBroker)
    }

    @Test(arguments: [
        "localhost", "sqs://", "memory://", "redis:h", "rediss://h", "amqps://h", "sentinel://h", "unix:///x",
        "redis://h?bogus=1", "amqp://h?ssl=1", "amqp://h?login_method=EXTERNAL",
    ])
    func anAddressThatCannotBeUsedIsRefusedAtOnce(address: String) throws {
        let options = try ConnectionOptions.parse(["--broker", address])
        #expect(throws: (any Error).self) { try options.makeBroker() }
    }

    @Test(
        arguments: [
            ("redis://h", "redis://h"), ("REDIS://h?db=3", "redis://h/3"),
            (" redis+socket:///run/r\n", "redis+socket:///run/r"),
            ("rpc://", "rpc://"), ("RPC://", "rpc://"), ("rpc", "rpc://"), ("disabled://", nil), ("disabled", nil),
        ] as [(String, String?)])
    func theBackendIsTheOneThatIsNamed(address: String, location: String?) throws {
        let options = try ConnectionOptions.parse(["--result-backend", address])
        #expect(try options.makeBackend()?.location == location)
    }

    @Test(arguments: [
        (
            "amqp://h?visibility_timeout=5", nil,
            "visibility_timeout is a setting of Redis and means nothing to RabbitMQ"
        ),
        ("amqp://h?priority_steps=0", nil, "priority_steps is a setting of Redis"),
        ("amqp://h?socket_timeout=5", nil, "socket_timeout is a setting of Redis"),
        ("amqp://h?db=1", nil, "db is a setting of Redis"),
        ("redis://h?confirm_publish=1", nil, "confirm_publish is a setting of RabbitMQ and means nothing to Redis"),
        ("redis://h?heartbeat=10", nil, "heartbeat is a setting of RabbitMQ"),
        ("redis://h", "redis://h?visibility_timeout=5", "visibility_timeout is a setting of the broker"),
        ("redis://h", "redis://h?sep=:", "sep is a setting of the broker"),
        ("redis://h", "redis://h?frame_max=1", "frame_max is a setting of RabbitMQ"),
        ("redis://h", "amqp://h", "RabbitMQ is no result backend"), ("rpc://", nil, "rpc:// is a result backend"),
        ("sqs://", nil, "sqs:// is not supported"), ("redis://h", "db+sqlite:///x", "db+sqlite:// is not supported"),
        ("amqp://h?bogus=1", nil, "bogus is not known here nor in Python"),
        ("amqp://h?heartbeat=-1", nil, "heartbeat must be a number of seconds from 0 to 65535"),
        ("redis://h?socket_timeout=0", nil, "socket_timeout must be a number of seconds greater than 0 and not above"),
    ])
    func whatBelongsElsewhereIsRefusedByNameWithTheReason(broker: String, backend: String?, reason: String) throws {
        let options = try ConnectionOptions.parse(
            ["-b", broker] + (backend.map { ["--result-backend", $0] } ?? []))
        let error = try #require(
            #expect(throws: (any Error).self) {
                try options.makeClient(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
            })
        #expect("\(error)".contains(reason), "\(error)")
    }

    @Test func theVisibilityTimeoutIsASettingOfRedis() throws {
        let options = try ConnectionOptions.parse(["-b", "amqp://h", "--visibility-timeout", "60"])
        let error = try #require(#expect(throws: ValidationError.self) { try options.makeBroker() })
        #expect(error.message.hasPrefix("--visibility-timeout is a setting of Redis"))
    }

    @Test(arguments: ["rpc://h", "rpc://?a=b", "amqp://h", "db+sqlite://", "localhost"])
    func aBackendThatIsNoneHereIsRefused(address: String) throws {
        let options = try ConnectionOptions.parse(["--result-backend", address])
        #expect(throws: ValidationError.self) { try options.makeBackend() }
    }

    @Test func transportOptionsReachTheBroker() throws {
        let options = try ConnectionOptions.parse([
            "-b", "redis://h?visibility_timeout=60", "--visibility-timeout", "43200",
            "--broker-transport-option", "priority_steps=0,1,5", "--broker-transport-option", "sep=:",
        ])
        let broker = try #require(try options.makeBroker() as? RedisBroker)
        #expect(
            broker.options
                == RedisBroker.Options(visibilityTimeout: .seconds(43200), prioritySteps: [0, 1, 5], separator: ":"))
    }

    @Test(arguments: [
        ["--visibility-timeout", "0"], ["--visibility-timeout=-1"], ["--visibility-timeout", "nan"],
        ["--visibility-timeout", "inf"], ["--visibility-timeout", "soon"], ["--broker-transport-option", "x"],
        ["--broker-transport-option", "=x"], ["--broker-transport-option", "bogus=1"],
        ["--broker-transport-option", "sep=:", "--broker-transport-option", "sep=;"],
        ["--visibility-timeout", "60", "--broker-transport-option", "visibility_timeout=60"],
        ["-b", "amqp://h", "--visibility-timeout", "60"], ["-b", "amqp://h", "--broker-transport-option", "sep=:"],
    ])
    func whatMakesNoSenseIsRefused(arguments: [String]) {
        #expect(throws: (any Error).self) {
            try ConnectionOptions.parse(["-b", "redis://h"].filter { _ in arguments[0] != "-b" } + arguments)
                .makeBroker()
        }
    }
}

extension ConnectionOptions {
    fileprivate func makeBroker() throws -> any Broker { try makeBroker(configuration()) }

    fileprivate func makeBackend() throws -> (any ResultBackend)? { try makeBackend(configuration()) }
}
