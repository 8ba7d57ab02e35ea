import CeleryProtocol
import CeleryTransport
import Foundation
import Testing

extension LiveTests {
    @Suite struct Queues {
        @Test func theHighestPriorityIsServedFirst() async throws {
            let queue = LiveServer.queue(maxPriority: 9)
            let producer = try await LiveServer.producer()
            for (text, priority) in [("low", 1), ("high", 9), ("middle", 5), ("above", 300)] {
                try await producer.publish(Message(text, priority: priority), to: Destination(queue: queue))
            }
            let consumer = try await LiveServer.consumer(queue, prefetch: 1)
            var order: [String] = []
            for _ in 0..<4 {
                for delivery in try await consumer.receive(upTo: 1) {
                    order.append(delivery.text)
                    consumer.settle(delivery.tag, .acknowledge)
                }
            }
            #expect(Set(order.prefix(2)) == ["high", "above"])
            #expect(order.suffix(2) == ["middle", "low"])
            await consumer.close()
            await producer.close()
        }

        @Test func whatIsSentAfterAQueueWasDeletedArrivesAllTheSame() async throws {
            let queue = LiveServer.queue()
            let producer = try await LiveServer.producer()
            try await producer.publish(Message("lost with the queue"), to: Destination(queue: queue))
            try await QueueDeletion.delete(queue.name)
            let texts = (0..<200).map { "message \($0)" }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for text in texts {
                    group.addTask { try await producer.publish(Message(text), to: Destination(queue: queue)) }
                }
                try await group.waitForAll()
            }
            let consumer = try await LiveServer.consumer(queue, isAutoAcknowledging: true)
            #expect(try await consumer.receive(count: 200).map(\.text).sorted() == texts.sorted())
            await consumer.close()
            await producer.close()
        }

        @Test func quorumQueuesWork() async throws {
            let queue = LiveServer.queue(.quorum)
            let producer = try await LiveServer.producer()
            for text in ["a", "b", "c"] { try await producer.publish(Message(text), to: Destination(queue: queue)) }
            let consumer = try await LiveServer.consumer(queue, prefetch: 2)
            let held = try await consumer.receive(count: 2)
            consumer.adjustPrefetch(extra: 5)
            consumer.settle(held[0].tag, .acknowledge)
            consumer.settle(held[1].tag, .requeue)
            #expect(try await consumer.receive(count: 2).map(\.text).sorted() == ["b", "c"])
            await consumer.close()
            await producer.close()
        }

        @Test(arguments: [Queue.Kind.classic, .quorum])
        func messagesThatWaitForTheirEtaDoNotHoldUpTheOthers(kind: Queue.Kind) async throws {
            let queue = LiveServer.queue(kind)
            let producer = try await LiveServer.producer()
            for number in 1...100 {
                try await producer.publish(Message("\(number)"), to: Destination(queue: queue))
            }
            let consumer = try await LiveServer.consumer(queue, prefetch: 4)
            var held: [Delivery] = []
            while held.count < 100 {
                held += try await consumer.receive(upTo: 4)
                consumer.adjustPrefetch(extra: held.count)
            }
            #expect(held.map(\.text) == (1...100).map(String.init))
            for delivery in held { consumer.settle(delivery.tag, .acknowledge) }
            consumer.adjustPrefetch(extra: 0)
            await consumer.close()
            let next = try await LiveServer.consumer(queue, prefetch: 4)
            try await producer.publish(Message("last"), to: Destination(queue: queue))
            // A quorum queue may give some again: of many acknowledgements at once RabbitMQ keeps the last ones back, and
            // forgets them with the channel.
            var given: [String] = []
            while given.last != "last" {
                for delivery in try await next.receive(upTo: 1) {
                    given.append(delivery.text)
                    next.settle(delivery.tag, .acknowledge)
                }
            }
            #expect(kind == .quorum || given == ["last"])
            await next.close()
            await producer.close()
        }

        @Test func oneConsumerServesSeveralQueues() async throws {
            let queues = [LiveServer.queue(), LiveServer.queue(maxPriority: 3), LiveServer.queue()]
            let producer = try await LiveServer.producer()
            let consumer = try await LiveServer.consumer(queues[0], queues[1], queues[2], prefetch: 10)
            for queue in queues { try await producer.publish(Message(queue.name), to: Destination(queue: queue)) }
            let deliveries = try await consumer.receive(count: 3)
            #expect(Set(deliveries.map(\.text)) == Set(queues.map(\.name)))
            for delivery in deliveries { #expect(delivery.queue == delivery.text) }
            await consumer.close()
            await producer.close()
        }

        @Test func topicAndFanoutExchangesRoute() async throws {
            let exchange = "test-\(UUID().uuidString)"
            let name = LiveServer.queue().name
            let topic = Queue(
                name, exchange: exchange, exchangeType: .topic, routingKey: "task.#", expires: .seconds(60))
            let consumer = try await LiveServer.consumer(topic)
            let producer = try await LiveServer.producer()
            for key in ["task.a.b", "other", "task"] {
                try await producer.publish(Message(key), to: Destination(exchange: exchange, routingKey: key))
            }
            let deliveries = try await consumer.receive(count: 2)
            #expect(deliveries.map(\.text) == ["task.a.b", "task"])
            #expect(try deliveries.map { try $0.message.get().properties.exchange } == [exchange, exchange])
            await consumer.close()
            await producer.close()
        }

        @Test func aPublishToAMissingExchangeIsRefusedAndTheProducerGoesOn() async throws {
            let queue = LiveServer.queue()
            let producer = try await LiveServer.producer()
            try await producer.publish(Message("a"), to: Destination(queue: queue))
            let failure = await #expect(throws: TransportError.self) {
                try await producer.publish(Message("b"), to: Destination(exchange: "nowhere-at-all", routingKey: "x"))
            }
            #expect(failure?.code == .rejected)
            #expect(failure?.message.contains("nowhere-at-all") == true)
            try await producer.publish(Message("c"), to: Destination(queue: queue))
            let consumer = try await LiveServer.consumer(queue)
            #expect(try await consumer.receive(count: 2).map(\.text) == ["a", "c"])
            await consumer.close()
            await producer.close()
        }

        @Test func headersNestedAsDeeplyAsAFrameAllowsAreSurvived() async throws {
            let queue = LiveServer.queue()
            let producer = try await LiveServer.producer()
            try await producer.publish(Message("before"), to: Destination(queue: queue))
            try await DeepMessage.publish(to: queue.name)
            try await producer.publish(Message("after"), to: Destination(queue: queue))
            let consumer = try await LiveServer.consumer(queue)
            let deliveries = try await consumer.receive(count: 3)
            #expect(deliveries.map(\.text) == ["before", "deep", "after"])
            #expect(throws: MessageError.self) { try deliveries[1].message.get() }
            for delivery in deliveries { consumer.settle(delivery.tag, .discard) }
            await consumer.close()
            await producer.close()
        }
    }
}
