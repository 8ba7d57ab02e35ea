import CeleryProtocol
import Logging
import Testing

@testable import CeleryTransport

@Suite(.timeLimit(.minutes(1))) struct MemoryBrokerTests {
    private let broker = MemoryBroker()
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func publish(_ text: String, priority: Int? = nil, to destination: Destination) async throws {
        let producer = try await broker.makeProducer(logger: logger)
        try await producer.publish(
            Message(properties: MessageProperties(priority: priority), body: Array(text.utf8)), to: destination)
    }

    private func consumer(_ queues: Queue...) async throws -> any Consumer {
        try await broker.makeConsumer(ConsumerConfiguration(queues: queues, prefetch: 0), logger: logger)
    }

    private func text(_ delivery: Delivery) throws -> String {
        String(decoding: try delivery.message.get().body, as: UTF8.self)
    }

    @Test func theLowestPriorityNumberIsServedFirst() async throws {
        for (text, priority) in [("c", 9), ("a1", nil), ("b1", 5), ("a2", 0), ("b2", 5)] {
            try await publish(text, priority: priority, to: Destination(queue: "q"))
        }
        let consumer = try await consumer("q")
        let deliveries = try await consumer.receive(upTo: 10)
        #expect(try deliveries.map(text) == ["a1", "a2", "b1", "b2", "c"])
        consumer.settle(deliveries[2].tag, .requeue)
        consumer.settle(deliveries[4].tag, .requeue)
        consumer.settle(deliveries[3].tag, .giveBack)
        #expect(try await consumer.receive(upTo: 10).map(text) == ["b2", "b1", "c"])
    }

    @Test func envelopesThatArePushedHaveTheirPriority() async throws {
        let message = Message(properties: MessageProperties(priority: 3), body: Array("later".utf8))
        broker.push(KombuEnvelope.encode(message), to: "q")
        broker.push(Array("no envelope".utf8), to: "q")
        #expect(broker.envelopes(in: "q").first == Array("no envelope".utf8))
    }

    @Test func aTopicExchangeSendsToTheQueuesWhoseKeyMatches() async throws {
        let all = Queue("all", exchange: "events", exchangeType: .topic, routingKey: "#")
        let created = Queue("created", exchange: "events", exchangeType: .topic, routingKey: "*.created")
        let consumer = try await consumer(all, created)
        try await publish("x", to: Destination(exchange: "events", routingKey: "order.created"))
        try await publish("y", to: Destination(exchange: "events", routingKey: "order.paid"))
        let deliveries = try await consumer.receive(upTo: 10)
        #expect(deliveries.map(\.queue) == ["all", "all", "created"])
        #expect(try deliveries.map(text) == ["x", "y", "x"])
    }

    @Test(arguments: [
        ("a.b", "a.b", true), ("a.b", "a.c", false), ("a.*", "a.b", true), ("a.*", "a", false),
        ("a.*", "a.b.c", false), ("*", "", false), ("#", "", true), ("#", "a.b", true), ("a.#", "a", true),
        ("a.#", "a.b.c", true), ("#.c", "a.b.c", true), ("#.c", "a.b", false), ("a.#.c", "a.c", true),
        ("a.#.*.c", "a.c", false), ("a.#.*.c", "a.x.y.c", true), ("#.#", "a", true), ("", "", true), ("", "a", false),
    ])
    func aPatternMatches(pattern: String, key: String, matches: Bool) {
        #expect(TopicPattern(pattern).matches(key) == matches)
    }

    @Test func aStoppedConsumerIsNotWaitedFor() async throws {
        let consumer = try await consumer("q")
        for _ in 0..<200 {
            let consumer = try await self.consumer("q")
            let receiving = Task { try await consumer.receive(upTo: 1) }
            await consumer.stop()
            await #expect(throws: CancellationError.self) { try await receiving.value }
            await consumer.close()
        }
        await consumer.close()
    }
}
