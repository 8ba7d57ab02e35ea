import CeleryIO
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import CeleryRedis

@Suite struct RedisAddressTests {
    private static let schemes = ["redis", "redis+socket", "rediss", "unix", "redis+unix", "redis+redis"]

    /// What Python connects with, but for what it ignores.
    @Test(arguments: ["broker", "backend"])
    func addressesAreReadAsInPython(role: String) throws {
        var isRefused: Set<String> = []
        var isTaken: Set<String> = []
        for captured in try CapturedURL.all(role, schemes: Self.schemes) {
            guard let address = try? RedisAddress(captured.url, role: role == "broker" ? .broker : .backend),
                role == "backend" || !RedisBroker(captured.url).isRefused
            else {
                if captured.parameters != nil { isRefused.insert(captured.url) }
                continue
            }
            guard let expected = captured.parameters else {
                isTaken.insert(captured.url)
                continue
            }
            switch address.endpoint {
            case .tcp(let host, let port):
                let expectedHost = expected["host"]?.stringValue.map { $0 == "127.0.0.1" ? "localhost" : $0 }
                #expect(host == expectedHost, "\(captured)")
                #expect(.integer(port) == expected["port"], "\(captured)")
            case .unixSocket(let path): #expect(path == expected["path"]?.stringValue, "\(captured)")
            }
            #expect(.integer(address.database) == expected["db"], "\(captured)")
            #expect(address.user == expected["username"]?.stringValue, "\(captured)")
            let password = expected["password"]?.stringValue ?? (address.user == nil ? nil : "")
            #expect(address.password == password, "\(captured)")
            #expect(address.clientName == expected["client_name"]?.stringValue, "\(captured)")
            for (name, duration, standard) in [
                ("socket_timeout", address.replyTimeout, 120), ("socket_connect_timeout", address.connectTimeout, 10),
                ("health_check_interval", address.healthCheckInterval, 25),
            ] {
                guard case .integer(let seconds)? = expected[name], seconds != standard else { continue }
                #expect(duration == .seconds(seconds), "\(captured)")
            }
        }
        #expect(isRefused == (role == "broker" ? Self.refusedBrokers : Self.refusedBackends))
        #expect(isTaken == (role == "broker" ? Self.takenBrokers : Self.takenBackends))
    }

    /// Refused by name, where Python ignores something, speaks in a way that is not supported, or fails later.
    private static let refusedBoth: Set = [
        "redis://:12?b@h/2", "redis://:12#b@h/2", "redis://h/1#f", "redis+socket://h/tmp/x",
        "redis+redis://h/3",
    ]
    private static let refusedBrokers = refusedBoth.union([
        "redis://h?heartbeat=3", "redis://h?ssl_cert_reqs=none", "redis://h?insist=1", "redis://h?login_method=PLAIN",
        "redis+socket:///tmp/x?db=5", "redis+socket:///tmp/x?virtual_host=5&db=6", "redis+socket:///tmp/x?password=p",
        "redis+socket:///tmp/x?username=u&password=p", "redis+socket:///tmp/x?bogus=1", "redis+unix:///tmp/x",
        "redis://a/1;redis://b/2", "rediss://h",
    ])
    private static let refusedBackends = refusedBoth.union([
        "redis://h/1?virtual_host=3", "redis://h?virtual_host=3", "redis://h?protocol=3",
        "redis://h?decode_responses=1",
    ])
    /// What Python refuses and makes sense nevertheless.
    private static let takenBoth: Set = [" redis://h/2"]
    private static let takenBrokers = takenBoth.union([
        "redis://h/3/", "redis://h?db=3", "redis://h/1?db=3", "redis://h?db=3&db=4", "redis://h?password=x",
        "redis://:p@h?password=x", "redis://u:p@h?username=v&password=a+b%2B", "redis://h?username=u",
        "redis://h:1?port=7", "redis://h?host=x", "redis://h?visibility_timeout=60", "redis://h?sep=:",
        "redis://h?priority_steps=0", "redis://h?socket_timeout=5", "redis://h?socket_connect_timeout=5",
        "redis://h?health_check_interval=5", "redis://h?client_name=a%20b", "redis://h?protocol=2",
        "redis://h?max_connections=20", "redis://h?retry_on_timeout=1", "redis://h?socket_keepalive=1",
        "REDIS+SOCKET:///tmp/x",
    ])
    private static let takenBackends = takenBoth.union([
        "REDIS://h/2", "REDIS+SOCKET:///tmp/x", "redis://h?connect_timeout=3",
    ])

    @Test(arguments: [
        ("redis://", "localhost", 6379, 0), ("redis://host", "host", 6379, 0), ("redis://host:1/5", "host", 1, 5),
        ("redis://[::1]:7000/2", "::1", 7000, 2), ("redis://host//3", "host", 6379, 3),
    ])
    func aServerIsRead(text: String, host: String, port: Int, database: Int) throws {
        let address = try RedisAddress(text)
        #expect(address.endpoint == .tcp(host: host, port: port))
        #expect(address.database == database)
    }

    @Test(arguments: [
        ("redis+socket:///tmp/redis.sock?virtual_host=5", 5), ("socket:///tmp/redis.sock", 0),
        ("redis+socket:///tmp/redis.sock?virtual_host=/7", 7),
    ])
    func aSocketIsRead(text: String, database: Int) throws {
        let address = try RedisAddress(text)
        #expect(address.endpoint == .unixSocket(path: "/tmp/redis.sock"))
        #expect(address.database == database)
    }

    @Test(arguments: [
        ("redis://me:hunter%402@host/0?visibility_timeout=60", "redis://me:**@host/0"),
        ("redis://host/1?db=3&username=me&password=hunter%402", "redis://me:**@host/3"),
        ("redis+socket://me:hunter@2@/run/r?virtual_host=5", "redis+socket://me:**@/run/r?virtual_host=5"),
    ])
    func userAndPasswordAreReadAndNotShown(text: String, description: String) throws {
        let address = try RedisAddress(text)
        #expect(address.user == "me")
        #expect(address.password == "hunter@2")
        #expect(address.description == description)
    }

    @Test(arguments: [
        ("redis://host/name", TransportError.Code.invalidConfiguration), ("redis://host/-1", .invalidConfiguration),
        ("amqp://host", .invalidConfiguration), ("nonsense", .invalidConfiguration),
        ("redis://host:x", .invalidConfiguration), ("rediss://host", .unsupported), ("sentinel://host", .unsupported),
        ("redis://:12/hunter2@host/0", .invalidConfiguration), ("redis://:hunter2/b@host/0", .invalidConfiguration),
        ("redis://:12?hunter2@host", .invalidConfiguration), ("redis://:12#hunter2@host", .invalidConfiguration),
        ("redis://:p@hunter2/b@host", .invalidConfiguration), ("redis://:p?hunter2=1@host", .invalidConfiguration),
        ("redis://:hunter2@host?db=x", .invalidConfiguration), ("redis://host?db=hunter2", .invalidConfiguration),
        ("redis://:hunter2@host?bogus=hunter2", .invalidConfiguration), ("redis://:hunter2@host?ssl=1", .unsupported),
        ("redis://:hunter2@host;redis://:hunter2@other", .unsupported), ("unix://:hunter2@/x", .invalidConfiguration),
        ("redis+socket://:hunter2@host/x", .invalidConfiguration), ("redis+socket://", .invalidConfiguration),
    ])
    func anAddressThatCannotBeUsedIsAnErrorWithoutThePassword(text: String, code: TransportError.Code) async throws {
        let error = #expect(throws: TransportError.self) { try RedisAddress(text, role: .backend) }
        if !text.contains(";") {
            #expect(error?.code == code)
            #expect(error?.message.contains("hunter2") == false)
        }
        let broker = RedisBroker(text)
        #expect(broker.isRefused)
        #expect(!broker.location.contains("hunter2"))
        #expect(!RedisResultBackend(text).location.contains("hunter2"))
    }

    @Test(arguments: [
        "bogus", "ssl", "ssl_ca_certs", "socket_read_size", "timeout", "decode_responses", "heartbeat", "protocol",
        "credential_provider", "retry_on_error", "global_keyprefix", "virtual_host", "max_connections",
    ])
    func anOptionIsRefusedByName(name: String) {
        let error = #expect(throws: TransportError.self) { try RedisAddress("redis://h?\(name)=1", role: .backend) }
        #expect(error?.message.contains(" \(name) ") == true)
        let broker = RedisBroker("redis://h?\(name)=1")
        #expect(broker.location.contains(" \(name) "))
    }

    @Test(arguments: ["sep", "priority_steps", "visibility_timeout"])
    func anOptionOfTheBrokerIsNoneOfTheBackend(name: String) {
        let error = #expect(throws: TransportError.self) { try RedisAddress("redis://h?\(name)=1", role: .backend) }
        #expect(error?.message.contains(name) == true)
    }

    @Test func whatIsSoAnywayMayBeAskedFor() throws {
        _ = try RedisAddress(
            "redis://h?ack_emulation=True&fanout_prefix=1&protocol=2&unacked_key=unacked"
        )
    }
}

extension RedisBroker {
    /// Whether the first connection fails because of the address or an option.
    var isRefused: Bool {
        do {
            try validate()
            return false
        } catch {
            return true
        }
    }
}
