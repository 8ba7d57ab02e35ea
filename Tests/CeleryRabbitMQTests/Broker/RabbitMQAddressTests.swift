import CeleryRabbitMQ
import CeleryTransport
import Logging
import Testing

@testable import CeleryRabbitMQ

@Suite struct RabbitMQAddressTests {
    @Test(arguments: [
        ("amqp://", "guest", "guest", "localhost", 5672, "/"),
        ("amqp://host", "guest", "guest", "host", 5672, "/"),
        ("amqp://host/", "guest", "guest", "host", 5672, "/"),
        ("amqp://host//", "guest", "guest", "host", 5672, "/"),
        ("pyamqp://u:p@host:1234/v", "u", "p", "host", 1234, "v"),
        ("AMQP://u%40x:p%2Fq@host/%2Fv%2Fw", "u@x", "p/q", "host", 5672, "/v/w"),
        ("librabbitmq://u@[::1]:99/", "u", "guest", "::1", 99, "/"),
    ])
    func aURLNamesAServer(
        url: String,
        user: String,
        password: String,
        host: String,
        port: Int,
        virtualHost: String
    ) throws {
        let address = try RabbitMQAddress(url)
        #expect(address.user == user)
        #expect(address.password == password)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.virtualHost == virtualHost)
        #expect(address.heartbeat == 60)
    }

    @Test func optionsAreRead() throws {
        let address = try RabbitMQAddress("amqp://host//?heartbeat=10&connect_timeout=1.5&unknown=1")
        #expect(address.heartbeat == 10)
        #expect(address.connectTimeout == 2)
        #expect(try RabbitMQAddress("amqp://host//?heartbeat=0").heartbeat == 0)
    }

    @Test(arguments: [
        "", ";", "localhost", "redis://localhost", "amqp://host:0", "amqp://host:99999", "amqp://host:x",
        "amqp://a:secret@host/?heartbeat=soon", "amqp://a:secret@host/?heartbeat=-1",
        "amqp://a:secret@host/?heartbeat=nan",
        "amqps://a:secret@host/", "amqp://a:secret@host/%zz", "amqp://a:secret%00@host/", "amqp://host;nonsense",
    ])
    func aURLThatMakesNoSenseIsReportedWithoutItsPassword(url: String) async throws {
        let broker = RabbitMQBroker(url)
        let logger = Logger(label: "test")
        let errors = [
            await #expect(throws: TransportError.self) { _ = try await broker.makeProducer(logger: logger) },
            await #expect(throws: TransportError.self) {
                _ = try await broker.makeConsumer(ConsumerConfiguration(queues: ["a"], prefetch: 1), logger: logger)
            },
        ]
        for error in errors {
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("secret") == false)
            #expect(error?.message.contains("\n") == false)
        }
        #expect(!broker.location.contains("secret"))
    }

    @Test func theLocationNamesAllServersAndNoPassword() {
        let broker: some Broker = .rabbitMQ("amqp://a:secret@one/v;amqp://a:secret@[::1]:99//")
        #expect(broker.location == "amqp://a:**@one:5672/v;amqp://a:**@[::1]:99/")
    }
}
