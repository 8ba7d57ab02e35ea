import CeleryProtocol
import CeleryTransport
import Testing

extension LiveTests {
    @Suite struct Settlements {
        private let queue = LiveServer.queue()

        /// Publishes texts and returns a consumer of them.
        private func consumer(of texts: [String], prefetch: Int = 0) async throws -> any Consumer {
            let producer = try await LiveServer.producer()
            for text in texts { try await producer.publish(Message(text), to: Destination(queue: queue)) }
            await producer.close()
            return try await LiveServer.consumer(queue, prefetch: prefetch)
        }

        private func isRedelivered(_ delivery: Delivery) throws -> Bool {
            try delivery.message.get().properties.isRedelivered
        }

        @Test func whatIsNotSettledIsDeliveredAgainAfterClosing() async throws {
            let first = try await consumer(of: ["a", "b", "c"])
            let held = try await first.receive(count: 3)
            first.settle(held[1].tag, .acknowledge)
            await first.close()
            let second = try await LiveServer.consumer(queue)
            let again = try await second.receive(count: 2)
            #expect(again.map(\.text).sorted() == ["a", "c"])
            #expect(try again.map(isRedelivered) == [true, true])
            await second.close()
        }

        @Test func whatIsNotSettledIsDeliveredAgainWhenTheConsumerIsForgotten() async throws {
            do {
                let forgotten = try await consumer(of: ["a"])
                _ = try await forgotten.receive(count: 1)
            }
            let second = try await LiveServer.consumer(queue)
            #expect(try await second.receive(count: 1).map(\.text) == ["a"])
            await second.close()
        }

        @Test func requeueingDeliversAgain() async throws {
            let consumer = try await consumer(of: ["a"])
            let first = try #require(try await consumer.receive(count: 1).first)
            #expect(try !isRedelivered(first))
            consumer.settle(first.tag, .requeue)
            let second = try #require(try await consumer.receive(count: 1).first)
            #expect(second.text == "a")
            #expect(try isRedelivered(second))
            await consumer.close()
        }

        @Test(arguments: [Settlement.acknowledge, .discard, .deadLetter(reason: "unknown task")])
        func whatIsSettledIsGone(settlement: Settlement) async throws {
            let first = try await consumer(of: ["a"])
            for delivery in try await first.receive(count: 1) { first.settle(delivery.tag, settlement) }
            await first.close()
            let second = try await consumer(of: ["b"])
            #expect(try await second.receive(count: 1).map(\.text) == ["b"])
            await second.close()
        }

        @Test func noMoreIsHeldThanThePrefetchCount() async throws {
            let first = try await consumer(of: (0..<8).map(String.init), prefetch: 3)
            let held = try await first.receive(count: 3)
            // What the first may not have, a second one gets.
            let second = try await LiveServer.consumer(queue)
            #expect(try await second.receive(count: 5).map(\.text) == ["3", "4", "5", "6", "7"])
            await second.close()
            first.settle(held[0].tag, .acknowledge)
            #expect(try await first.receive(count: 1).map(\.text) == ["3"])
            first.adjustPrefetch(extra: 2)
            #expect(try await first.receive(count: 2).map(\.text) == ["4", "5"])
            await first.close()
        }

        @Test func stoppingLeavesTheRestToOthers() async throws {
            let first = try await consumer(of: ["a", "b", "c"], prefetch: 3)
            let held = try await first.receive(count: 1)
            await first.stop()
            let second = try await LiveServer.consumer(queue)
            #expect(try await second.receive(count: 2).map(\.text).sorted() == ["b", "c"])
            first.settle(held[0].tag, .acknowledge)
            await first.close()
            await second.close()
        }

        @Test func manySettlementsInAnyOrderEmptyTheQueue() async throws {
            let texts = (0..<300).map(String.init)
            let first = try await consumer(of: texts, prefetch: 40)
            var seen: Set<String> = []
            var waiting: [Delivery] = []
            while seen.count < texts.count {
                let room = min(40 - waiting.count, texts.count - seen.count)
                for delivery in try await first.receive(upTo: max(1, room)) {
                    seen.insert(delivery.text)
                    waiting.append(delivery)
                }
                waiting.shuffle()
                for delivery in waiting.prefix(15) { first.settle(delivery.tag, .acknowledge) }
                waiting.removeFirst(min(15, waiting.count))
            }
            for delivery in waiting { first.settle(delivery.tag, .acknowledge) }
            await first.close()
            let second = try await consumer(of: ["last"])
            #expect(try await second.receive(upTo: 10).map(\.text) == ["last"])
            await second.close()
        }

        @Test func autoAcknowledgedMessagesAreGoneAtOnce() async throws {
            let producer = try await LiveServer.producer()
            let replies = Queue(queue.name, exchange: "", isAutoDelete: true, expires: .seconds(60))
            let consumer = try await LiveServer.consumer(replies, isAutoAcknowledging: true)
            for text in ["a", "b"] {
                try await producer.publish(Message(text), to: Destination(exchange: "", routingKey: queue.name))
            }
            #expect(try await consumer.receive(count: 2).map(\.text) == ["a", "b"])
            await consumer.close()
            await producer.close()
        }
    }
}
