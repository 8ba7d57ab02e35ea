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

        @Test(
            arguments: [
                (.roundRobin, ["b0", "c0", "a0", "b1", "c1", "a1"]), (.listed, ["b0", "b1", "c0", "c1", "a0", "a1"]),
                (.sorted, ["a0", "a1", "b0", "b1", "c0", "c1"]),
            ] as [(RedisBroker.Options.QueueOrder, [String])])
        func queuesAreServedInTheirOrder(order: RedisBroker.Options.QueueOrder, expected: [String]) async throws {
            let redis = try await LiveRedis(database: 6)
            let broker = RedisBroker(redis.url, options: .init(queueOrder: order))
            let producer = try await broker.makeProducer(logger: LiveRedis.logger)
            for queue in ["a", "b", "c"] {
                for number in 0..<2 {
                    try await producer.publish(
                        Message(body: Array("\(queue)\(number)".utf8)), to: Destination(queue: Queue(queue)))
                }
            }
            await producer.close()
            let consumer = try await broker.makeConsumer(
                ConsumerConfiguration(queues: ["b", "c", "a"], prefetch: 0), logger: LiveRedis.logger)
            var texts: [String] = []
            for _ in expected { texts += try await consumer.receive(upTo: 1).map(\.text) }
            #expect(texts == expected)
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
