import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct RedisAddressTests {
    @Test(arguments: [
        ("redis://", "localhost", 6379, 0), ("redis://host", "host", 6379, 0), ("redis://host:1/5", "host", 1, 5),
        ("redis://[::1]:7000/2", "::1", 7000, 2), ("redis://host//3", "host", 6379, 3),
    ])
    func aServerIsRead(text: String, host: String, port: Int, database: Int) throws {
        let address = try RedisAddress(text)
        guard case .tcp(host, port) = address.endpoint else {
            Issue.record("\(address.endpoint)")
            return
        }
        #expect(address.database == database)
    }

    @Test(arguments: [
        ("redis+socket:///tmp/redis.sock?virtual_host=5", 5), ("socket:///tmp/redis.sock", 0),
        ("redis+socket:///tmp/redis.sock?virtual_host=/7", 7),
    ])
    func aSocketIsRead(text: String, database: Int) throws {
        let address = try RedisAddress(text)
        guard case .unixSocket("/tmp/redis.sock") = address.endpoint else {
            Issue.record("\(address.endpoint)")
            return
        }
        #expect(address.database == database)
    }

    @Test func userAndPasswordAreReadAndNotShown() throws {
        let address = try RedisAddress("redis://me:hunter%402@host/0?visibility_timeout=60")
        #expect(address.user == "me")
        #expect(address.password == "hunter@2")
        #expect(address.options["visibility_timeout"] == "60")
        #expect(!address.description.contains("hunter"))
    }

    @Test(arguments: [
        ("redis://host/name", TransportError.Code.invalidConfiguration), ("redis://host/-1", .invalidConfiguration),
        ("amqp://host", .invalidConfiguration), ("nonsense", .invalidConfiguration),
        ("redis://host:x", .invalidConfiguration), ("rediss://host", .unsupported), ("sentinel://host", .unsupported),
        ("redis://:12/hunter2@host/0", .invalidConfiguration),
    ])
    func anAddressThatCannotBeUsedIsAnErrorWithoutThePassword(text: String, code: TransportError.Code) async throws {
        let error = #expect(throws: TransportError.self) { try RedisAddress(text) }
        #expect(error?.code == code)
        #expect(error?.message.contains("hunter2") == false)
        #expect(!RedisBroker(text).location.contains("hunter2"))
        #expect(!RedisResultBackend(text).location.contains("hunter2"))
    }
}
