import CeleryProtocol
import CeleryTransport
import Logging
import Testing

@testable import CeleryRedis

extension LiveTests {
    @Suite struct Settings {
        @Test func stepsAndSeparatorOfTheSendersAreServed() async throws {
            let redis = try await LiveRedis(database: 6)
            let broker = RedisBroker(redis.url, options: .init(prioritySteps: [0, 1, 5], separator: ":"))
            let producer = try await broker.makeProducer(logger: LiveRedis.logger)
            for (text, priority) in [("last", 9), ("second", 1), ("third", 4), ("first", 0)] {
                let message = Message(properties: MessageProperties(priority: priority), body: Array(text.utf8))
                try await producer.publish(message, to: Destination(queue: "q"))
            }
            await producer.close()
            #expect(try await redis.length("q:1") == 2)
            #expect(try await redis.length("q:5") == 1)
            let consumer = try await broker.makeConsumer(
                ConsumerConfiguration(queues: ["q"], prefetch: 0), logger: LiveRedis.logger)
            #expect(try await consumer.receive(count: 4).map(\.text) == ["first", "second", "third", "last"])
            await consumer.close()
        }

        @Test func listsOfOtherStepsAreFound() async throws {
            let redis = try await LiveRedis(database: 6)
            for key in ["q", "q:1", "q\u{6}\u{16}1", "q\u{6}\u{16}3", "q[x]*:2", "q2", "r|7"] {
                _ = try await redis.call(RedisPipeline("LPUSH", key, "a", "b"))
            }
            _ = try await redis.call(RedisPipeline("SET", "q:5", "no list"))
            for (queues, expected) in [
                (["q"], ["q\u{6}\u{16}1", "q:1"]), (["q[x]*"], ["q[x]*:2"]),
                (["q", "r"], ["q\u{6}\u{16}1", "q:1", "r|7"]),
            ] {
                let found = try await ForeignSteps(queues, KombuKeys()).find(on: redis.admin, LiveRedis.logger)
                #expect(found.map(\.list.key) == expected)
                #expect(found.allSatisfy { $0.length == 2 })
            }
        }
    }
}
