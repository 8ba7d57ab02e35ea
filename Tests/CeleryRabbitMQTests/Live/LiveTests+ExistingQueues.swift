import CeleryProtocol
import CeleryTransport
import Foundation
import Testing

@testable import CeleryRabbitMQ

extension LiveTests {
    /// Queues that others have declared, in their way.
    @Suite struct ExistingQueues {
        static let shapes: [Queue] = [
            Queue("plain"), Queue("quorum", kind: .quorum), Queue("priorities", maxPriority: 10),
            Queue("transient", isDurable: false), Queue("auto-delete", isAutoDelete: true),
            Queue("ttl", arguments: ["x-message-ttl": 60_000]), Queue("lazy", arguments: ["x-queue-mode": "lazy"]),
            Queue("dead", arguments: ["x-dead-letter-exchange": "dead", "x-dead-letter-routing-key": "letters"]),
            Queue("length", arguments: ["x-max-length": 100, "x-overflow": "reject-publish"]),
            Queue("single", arguments: ["x-single-active-consumer": true]), Queue("expiring", expires: .seconds(60)),
            Queue("topic", exchangeType: .topic), Queue("fanout", exchangeType: .fanout),
            Queue("key", routingKey: "another"), Queue("exchange", exchange: "another"), Queue("default", exchange: ""),
        ]

        /// A shape under a name of its own; the exchange as well, unless it is the default one.
        private static func own(_ shape: Queue) -> Queue {
            var queue = shape
            queue.name = "test-\(UUID().uuidString)"
            if !shape.exchange.isEmpty { queue.exchange = queue.name + (shape.exchange == shape.name ? "" : "-other") }
            return queue
        }

        /// As who knows but its name takes it to be.
        private static func named(_ queue: Queue, _ kind: Queue.Kind = .classic) -> Queue {
            Queue(queue.name, kind: kind, maxPriority: 3)
        }

        @Test(arguments: shapes)
        func aQueueIsConsumedAndSentToWhateverItWasDeclaredWith(shape: Queue) async throws {
            let queue = Self.own(shape)
            let first = try await LiveServer.producer()
            try await first.publish(Message("a"), to: Destination(queue: queue))
            let producer = try await LiveServer.producer()
            try await producer.publish(Message("b"), to: Destination(queue: Self.named(queue)))
            try await producer.publish(Message("c"), to: Destination(queue: Self.named(queue, .quorum)))
            let other = LiveServer.queue()
            let consumer = try await LiveServer.consumer(other, Self.named(queue), prefetch: 10)
            try await producer.publish(Message("d"), to: Destination(queue: Self.named(queue)))
            try await producer.publish(Message("e"), to: Destination(queue: other))
            let deliveries = try await consumer.receive(count: 5)
            #expect(deliveries.map(\.text).sorted() == ["a", "b", "c", "d", "e"])
            for delivery in deliveries { consumer.settle(delivery.tag, .acknowledge) }
            await consumer.flush()
            await consumer.close()
            await first.close()
            await producer.close()
            try await QueueDeletion.delete(queue.name)
        }

        @Test func aQueueThatIsMadeAnewInAnotherShapeIsConsumedAndTheOthersGoOn() async throws {
            let (queue, other) = (Self.own(Queue("plain")), LiveServer.queue())
            let producer = try await LiveServer.producer()
            let consumer = try await LiveServer.consumer(queue, other, prefetch: 10)
            try await producer.publish(Message("held"), to: Destination(queue: other))
            let held = try await consumer.receive(count: 1)[0]
            // Not in one go: a queue that is there again before RabbitMQ has seen to the consumers of the former one gets no
            // cancellation out of it, and the consumers nothing from the queue.
            try await QueueDeletion.delete(queue.name)
            var raw = try RawLink()
            var anew = queue
            anew.arguments = ["x-max-length": 7]
            try raw.output.declare(anew, isPassive: false, channel: 1)
            try await raw.finish()
            try await producer.publish(Message("next"), to: Destination(queue: queue))
            #expect(try await consumer.receive(count: 1).map(\.text) == ["next"])
            #expect(consumer.holds(held.tag))
            try await QueueDeletion.delete(queue.name)
            try await producer.publish(Message("last"), to: Destination(queue: queue))
            #expect(try await consumer.receive(count: 1).map(\.text) == ["last"])
            #expect(consumer.holds(held.tag))
            await consumer.close()
            await producer.close()
            try await QueueDeletion.delete(queue.name)
        }

        @Test func anotherConnectionsExclusiveQueueTakesMessagesAndIsRefusedByNameToConsumers() async throws {
            let queue = LiveServer.queue()
            var owner = try RawLink()
            try owner.output.method(.queueDeclare, channel: 1) { writer throws(TransportError) in
                writer.integer(UInt16(0))
                try writer.shortString(queue.name, "the queue's name")
                writer.octet(0b00100)
                try writer.table([:])
            }
            try await owner.send(until: .queueDeclareOK)
            let producer = try await LiveServer.producer()
            try await producer.publish(
                Message("a"), to: Destination(queue: Queue(queue.name, exchange: "")))
            let failure = await #expect(throws: TransportError.self) { _ = try await LiveServer.consumer(queue) }
            #expect(failure?.code == .refused)
            #expect(failure?.message.contains(queue.name) == true)
            #expect(failure?.message.contains("RESOURCE_LOCKED") == true)
            await producer.close()
            try await owner.finish()
        }

        /// The server knows no such queue: that it is missing is not the reason.
        @Test func whatTheServerCannotDeclareIsRefusedWithItsReason() async throws {
            let queue = Queue("test-\(UUID().uuidString)", arguments: ["x-max-priority": -1])
            let failure = await #expect(throws: TransportError.self) { _ = try await LiveServer.consumer(queue) }
            #expect(failure?.code == .refused)
            #expect(failure?.message.contains("x-max-priority") == true)
            let producer = try await LiveServer.producer()
            for _ in 0..<2 {
                let rejection = await #expect(throws: TransportError.self) {
                    try await producer.publish(Message("a"), to: Destination(queue: queue))
                }
                #expect(rejection?.code == .rejected)
                #expect(rejection?.message.contains("x-max-priority") == true)
            }
            try await producer.publish(Message("b"), to: Destination(queue: LiveServer.queue()))
            await producer.close()
        }
    }
}
