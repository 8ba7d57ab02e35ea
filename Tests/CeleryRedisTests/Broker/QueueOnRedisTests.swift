import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct QueueOnRedisTests {
    @Test func whatRedisHasNotIsNamed() {
        #expect(Queue("a", exchange: "e", exchangeType: .topic, routingKey: "k.#").meaninglessOnRedis == [])
        let queue = Queue(
            "a", kind: .quorum, maxPriority: 5, isDurable: false, isAutoDelete: true, expires: .seconds(1),
            arguments: ["x-message-ttl": 1000, "x-max-priority": 9])
        #expect(
            queue.meaninglessOnRedis == [
                "durable", "auto_delete", "x-queue-type", "x-max-priority", "x-expires", "x-message-ttl",
            ])
    }
}
