import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRedis

extension LiveTests {
    @Suite struct Failures {
        @Test func scriptsThatTheServerForgetsAreSentAgain() async throws {
            let redis = try await LiveRedis(database: 3)
            let consumer = try await redis.consumer()
            try await redis.publish("a", "b", "c")
            let first = try await consumer.receive(count: 2)
            _ = try await redis.call(RedisPipeline("SCRIPT", "FLUSH"))
            consumer.settle(first[0].tag, .requeue)
            #expect(try await consumer.receive(upTo: 1).map(\.text) == ["c"])
            // While it waits.
            let receiving = Task { try await consumer.receive(count: 2) }
            _ = try await redis.call(RedisPipeline("SCRIPT", "FLUSH"))
            try await redis.publish("d")
            #expect(Set(try await receiving.value.map(\.text)) == ["a", "d"])
            await consumer.close()
        }

        @Test func aServerThatIsEmptiedGoesOn() async throws {
            let redis = try await LiveRedis(database: 3)
            let consumer = try await redis.consumer()
            try await redis.publish("a")
            let lost = try await consumer.receive(upTo: 1)
            _ = try await redis.call(RedisPipeline("FLUSHALL"))
            consumer.settle(try #require(lost.first).tag, .requeue)
            try await redis.publish("b")
            #expect(try await consumer.receive(upTo: 1).map(\.text) == ["b"])
            await consumer.close()
        }

        @Test func aWrongPasswordIsOneClearLine() async throws {
            let url = LiveRedis.url.replacing("redis://", with: "redis://nobody:hunter2@")
            let error = await #expect(throws: TransportError.self) {
                _ = try await RedisBroker(url).makeProducer(logger: LiveRedis.logger)
            }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("\n") == false)
            #expect(error?.message.contains("WRONGPASS") == true)
            #expect(error?.message.contains("hunter2") == false)
        }

        @Test func aPortWhereNobodyListensIsOneClearLine() async throws {
            let error = await #expect(throws: TransportError.self) {
                _ = try await RedisBroker("redis://127.0.0.1:1/0").makeProducer(logger: LiveRedis.logger)
            }
            #expect(error?.code == .unreachable)
            #expect(error?.message == "cannot connect to 127.0.0.1:1: Connection refused")
        }

        @Test func aKeyOfAnotherTypeIsARejectionAndNoLostMessage() async throws {
            let redis = try await LiveRedis(database: 3)
            _ = try await redis.call(RedisPipeline("SET", "q", "not a list"))
            let error = await #expect(throws: TransportError.self) { try await redis.publish("x") }
            #expect(error?.code == .rejected)
        }
    }
}
