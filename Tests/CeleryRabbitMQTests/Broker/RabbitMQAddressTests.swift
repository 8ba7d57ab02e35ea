import CeleryProtocol
import CeleryRabbitMQ
import CeleryTransport
import Logging
import TestSupport
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
        let address = try RabbitMQAddress("amqp://host//?heartbeat=10&connect_timeout=1.5&login_method=PLAIN&insist=")
        #expect(address.heartbeat == 10)
        #expect(address.connectTimeout == 2)
        #expect(try RabbitMQAddress("amqp://host//?heartbeat=0").heartbeat == 0)
        let other = try RabbitMQAddress(
            "amqp://host//?heartbeat=10", transportOptions: ["heartbeat": "20", "confirm_publish": "True"])
        #expect(other.heartbeat == 20)
    }

    @Test func addressesAreReadAsInPython() throws {
        var isRefused: Set<String> = []
        var isTaken: Set<String> = []
        // Python's reading of a space before the scheme is no example.
        let all = try CapturedURL.all("broker", schemes: ["amqp", "pyamqp", "librabbitmq", "amqps", "amqp+ssl"])
            .filter { !$0.url.contains(";") && !$0.url.hasPrefix(" ") }
        for captured in all {
            guard let address = try? RabbitMQAddress(captured.url) else {
                if captured.parameters != nil { isRefused.insert(captured.url) }
                continue
            }
            guard let expected = captured.parameters else {
                isTaken.insert(captured.url)
                continue
            }
            let host = address.host == "localhost" ? "127.0.0.1" : address.host
            #expect("\(host):\(address.port)" == expected["host"]?.stringValue, "\(captured)")
            #expect(address.user == expected["userid"]?.stringValue, "\(captured)")
            #expect(address.password == expected["password"]?.stringValue, "\(captured)")
            #expect(address.virtualHost == expected["virtual_host"]?.stringValue, "\(captured)")
            #expect(expected["login_method"] == "PLAIN", "\(captured)")
            #expect(expected["ssl"] == false, "\(captured)")
            if case .double(let seconds)? = expected["heartbeat"] {
                #expect(Double(address.heartbeat) == seconds.rounded(.up), "\(captured)")
            }
        }
        #expect(
            isRefused == [
                "amqp://u:12/b@h/v", "amqp://h/v#f", "amqp://h?ssl=1", "amqp://h?ssl=0", "amqp://h?ssl_ca_certs=x",
                "amqp://h?login_method=EXTERNAL", "amqp://h?login_method=AMQPLAIN", "amqp://h?bogus=",
                "amqp://h?insist=1", "amqp://h?credential_provider=x", "amqps://h", "amqp+ssl://h",
            ])
        // Python has no librabbitmq here, and confirms only if it is told to.
        #expect(isTaken == ["librabbitmq://h", "amqp://h?confirm_publish=1"])
    }

    @Test(arguments: [
        "bogus", "ssl", "ssl_ca_certs", "login_method", "frame_max", "channel_max", "virtual_host", "port", "userid",
        "read_timeout", "failover_strategy", "insist", "client_properties",
    ])
    func anOptionIsRefusedByName(name: String) {
        let error = #expect(throws: TransportError.self) { try RabbitMQAddress("amqp://h?\(name)=1") }
        #expect(error?.message.contains(" \(name) ") == true)
    }

    @Test(arguments: [
        "", ";", "localhost", "redis://localhost", "amqp://host:0", "amqp://host:99999", "amqp://host:x",
        "amqp://a:secret@host/?heartbeat=soon", "amqp://a:secret@host/?heartbeat=-1",
        "amqp://a:secret@host/?heartbeat=nan",
        "amqps://a:secret@host/", "amqp://a:secret%00@host/", "amqp://host;nonsense", "amqp://a:12/secret@host/",
        "amqp://a:12?secret@host/", "amqp://a:12#secret@host/", "amqp://a:12;secret@host/",
        "amqp://a:secret@host?ssl=1",
        "amqp://a:secret@host?login_method=EXTERNAL", "amqp://a:p@secret/b@host", "amqp://a:secret/b@host/v",
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
            #expect(error?.code == .invalidConfiguration || error?.code == .unsupported)
            #expect(error?.message.contains("secret") == false)
            #expect(error?.message.contains("\n") == false)
        }
        #expect(!broker.location.contains("secret"))
    }

    @Test func theLocationNamesAllServersAndNoPassword() {
        let broker: some Broker = .rabbitMQ("amqp://a:secret@one/v; amqp://a:secret@[::1]:99//;\n")
        #expect(broker.location == "amqp://a:**@one:5672/v;amqp://a:**@[::1]:99/")
    }
}
