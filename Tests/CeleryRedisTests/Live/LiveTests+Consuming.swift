import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    @Suite struct Consuming {
        @Test func messagesComeByPriorityAndThenInOrder() async throws {
            let redis = try await LiveRedis(database: 1)
            try await redis.publish("late", priority: 9)
            try await redis.publish("a", "b", priority: 0)
            try await redis.publish("middle", priority: 4)
            try await redis.publish("none")
            let consumer = try await redis.consumer()
            #expect(try await consumer.receive(count: 5).map(\.text) == ["a", "b", "none", "middle", "late"])
            await consumer.close()
        }

        @Test func queuesTakeTurns() async throws {
            let redis = try await LiveRedis(database: 1)
            for queue in ["a", "b", "c"] as [Queue] {
                for _ in 0..<3 { try await redis.publish(queue.name, to: queue) }
            }
            let consumer = try await redis.consumer(["a", "b", "c"])
            var order: [String] = []
            for _ in 0..<9 { order += try await consumer.receive(upTo: 1).map(\.queue) }
            #expect(Set(order.prefix(3)) == ["a", "b", "c"])
            #expect(order.sorted() == ["a", "a", "a", "b", "b", "b", "c", "c", "c"])
            await consumer.close()
        }

        @Test func aHeldMessageIsNotedAsKombuNotesIt() async throws {
            let redis = try await LiveRedis(database: 1)
            try await redis.publish("hello")
            let raw = try await redis.call(RedisPipeline("LINDEX", "q", "0")).text
            let consumer = try await redis.consumer()
            let before = Date().timeIntervalSince1970
            let delivery = try #require(try await consumer.receive(upTo: 5).first)
            #expect(delivery.queue == "q")
            #expect(String(decoding: delivery.raw, as: UTF8.self) == raw)
            #expect(try await redis.length("q") == 0)
            let held = try await redis.call(RedisPipeline("HGETALL", "unacked")).array ?? []
            #expect(held.count == 2)
            let entry = try JSONValue(json: try #require(held.last?.bytes))
            #expect(entry == [try JSONValue(json: try #require(raw)), "", "q"])
            let scores = try await redis.call(RedisPipeline("ZRANGE", "unacked_index", "0", "-1", "WITHSCORES")).array
            #expect(scores?.first?.text == held.first?.text)
            // As kombu has it: the time of the claim.
            let score = try #require(scores?.last?.text.flatMap(Double.init))
            #expect((before...before + 60).contains(score))
            await consumer.close()
        }

        @Test func anAcknowledgedMessageIsGone() async throws {
            let redis = try await LiveRedis(database: 1)
            try await redis.publish("a", "b", "c")
            let consumer = try await redis.consumer()
            let deliveries = try await consumer.receive(count: 3)
            consumer.settle(deliveries[0].tag, .acknowledge)
            consumer.settle(deliveries[1].tag, .discard)
            await consumer.close()
            #expect(try await redis.length("q") == 1)
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index")) == .integer(0))
        }

        @Test func aFlushWaitsUntilTheAcknowledgementsAreHeard() async throws {
            let redis = try await LiveRedis(database: 1)
            try await redis.publish("a", "b")
            let consumer = try await redis.consumer()
            let deliveries = try await consumer.receive(count: 2)
            for (delivery, left) in zip(deliveries, [1, 0]) {
                consumer.settle(delivery.tag, .acknowledge)
                await consumer.flush()
                #expect(try await redis.call(RedisPipeline("HLEN", "unacked")) == .integer(left))
            }
            await consumer.close()
        }

        @Test func everyAcknowledgementIsHeardBeforeTheEnd() async throws {
            let redis = try await LiveRedis(database: 1)
            for number in 0..<100 {
                try await redis.publish("\(number)")
                let consumer = try await redis.consumer()
                let delivery = try #require(try await consumer.receive(upTo: 1).first)
                #expect(delivery.text == "\(number)")
                consumer.settle(delivery.tag, .acknowledge)
                await consumer.close()
                #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index")) == .integer(0))
            }
        }

        @Test func whatIsHeldAtTheEndGoesBackInOrderToBeNext() async throws {
            let redis = try await LiveRedis(database: 1)
            try await redis.publish("a", "b", "c", "d", "e", "f", "g", "h")
            let consumer = try await redis.consumer()
            _ = try await consumer.receive(count: 6)
            await consumer.close()
            let next = try await redis.consumer()
            let deliveries = try await next.receive(count: 8)
            #expect(deliveries.map(\.text) == ["a", "b", "c", "d", "e", "f", "g", "h"])
            #expect(deliveries.map(\.isRedelivered) == [true, true, true, true, true, true, false, false])
            await next.close()
        }

        @Test func aRequeuedMessageIsLastAndOneGivenBackIsNext() async throws {
            let redis = try await LiveRedis(database: 1)
            try await redis.publish("a", "b", "c")
            let consumer = try await redis.consumer()
            let deliveries = try await consumer.receive(count: 2)
            consumer.settle(deliveries[0].tag, .requeue)
            consumer.settle(deliveries[1].tag, .giveBack)
            await consumer.close()
            let next = try await redis.consumer()
            #expect(try await next.receive(count: 3).map(\.text) == ["b", "c", "a"])
            await next.close()
        }

        @Test(arguments: ["not JSON at all", #"{"body": 5}"#, "[]"])
        func aDeadLetterIsKeptAsItIs(text: String) async throws {
            let redis = try await LiveRedis(database: 1)
            _ = try await redis.call(RedisPipeline("LPUSH", "q", text))
            let consumer = try await redis.consumer()
            let delivery = try #require(try await consumer.receive(upTo: 1).first)
            consumer.settle(delivery.tag, .deadLetter(reason: "nonsense"))
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("RPOP", "q.dead-letter")).text == text)
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
        }

        @Test func waitingTakesNothingAndAsksForNothing() async throws {
            let redis = try await LiveRedis(database: 1)
            let consumer = try await redis.consumer()
            let waiting = Task { try await consumer.receive(upTo: 5) }
            let idle = try await redis.consumer(["other"])
            // The other one has waited as well when this has come.
            try await redis.publish("x", to: "other")
            _ = try await idle.receive(upTo: 1)
            let before = try await redis.commandCounts()
            for _ in 0..<50 { _ = try await redis.call(RedisPipeline("PING")) }
            let after = try await redis.commandCounts()
            #expect((after["evalsha"] ?? 0) - (before["evalsha"] ?? 0) <= 2)
            #expect(after["brpop"] == before["brpop"])
            try await redis.publish("woken")
            #expect(try await waiting.value.map(\.text) == ["woken"])
            await consumer.close()
            await idle.close()
        }

        @Test func cancellingAReceiptLosesNothing() async throws {
            let redis = try await LiveRedis(database: 1)
            let consumer = try await redis.consumer()
            var seen: [String] = []
            for number in 0..<100 {
                let receiving = Task { try await consumer.receive(upTo: 10) }
                if number % 2 == 0 { await Task.yield() }
                try await redis.publish("\(number)")
                receiving.cancel()
                do {
                    for delivery in try await receiving.value {
                        seen.append(delivery.text)
                        consumer.settle(delivery.tag, .acknowledge)
                    }
                } catch is CancellationError {}
            }
            while seen.count < 100 { seen += try await consumer.receive(upTo: 100).map(\.text) }
            #expect(seen == (0..<100).map(String.init))
            await consumer.close()
        }

        @Test func messagesDoNotWakeWhoWaitsForMore() async throws {
            let redis = try await LiveRedis(database: 1)
            let consumer = try await redis.consumer()
            let received = Notes<String>()
            let executor = CountingExecutor()
            let receiving = Task(executorPreference: executor) {
                try await consumer.receive {
                    100
                } _: { deliveries in
                    for delivery in deliveries {
                        received.add(delivery.text)
                        consumer.settle(delivery.tag, .acknowledge)
                    }
                }
            }
            try await redis.publish("first")
            #expect(try await received.next() == "first")
            let before = executor.count
            for number in 0..<50 {
                try await redis.publish("\(number)")
                #expect(try await received.next() == "\(number)")
            }
            // One that comes while the claim before it is still being seen to does.
            #expect(executor.count - before < 10)
            receiving.cancel()
            await #expect(throws: CancellationError.self) { try await receiving.value }
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
        }

        @Test func receivingWaitsWhenThereIsNoRoomAndGoesOnWhenThereIs() async throws {
            let redis = try await LiveRedis(database: 1)
            let consumer = try await redis.consumer()
            let texts = Notes<String>()
            let room = Locked(3)
            try await redis.publish("a", "b")
            let receiving = Task {
                try await consumer.receive {
                    room.withLock { $0 }
                } _: { deliveries in
                    room.withLock { $0 -= deliveries.count }
                    for delivery in deliveries { texts.add(delivery.text) }
                }
            }
            try await redis.publish("c", "d")
            #expect(try await texts.next(3) == ["a", "b", "c"])
            #expect(try await redis.length("q") == 1)
            room.withLock { $0 = 1 }
            consumer.roomHasGrown()
            #expect(try await texts.next() == "d")
            receiving.cancel()
            await #expect(throws: CancellationError.self) { try await receiving.value }
            await consumer.close()
        }

        /// The announcement of a message comes once; it must not be forgotten because there was no room then.
        @Test func aMessageThatFindsNoRoomIsReceivedLater() async throws {
            let redis = try await LiveRedis(database: 1)
            let consumer = try await redis.consumer()
            let (received, asked) = (Notes<String>(), Notes<Int>())
            let room = Locked(10)
            let receiving = Task {
                try await consumer.receive {
                    let room = room.withLock { $0 }
                    asked.add(room)
                    return room
                } _: { deliveries in
                    for delivery in deliveries { received.add(delivery.text) }
                }
            }
            try await redis.publish("first")
            #expect(try await received.next() == "first")
            room.withLock { $0 = 0 }
            try await redis.publish("second")
            while try await asked.next() > 0 {}
            #expect(try await redis.length("q") == 1)
            room.withLock { $0 = 10 }
            consumer.roomHasGrown()
            #expect(try await received.next() == "second")
            receiving.cancel()
            _ = await receiving.result
            await consumer.close()
        }

        /// Asked for its room a consumer is about to claim; delivering it has just done so.
        @Test(arguments: [false, true]) func receivingCanBeCancelledWhileItClaims(isDelivering: Bool) async throws {
            let redis = try await LiveRedis(database: 1)
            let consumer = try await redis.consumer()
            let received = Notes<String>()
            let texts = Locked<[String]>([])
            let toCancel = Locked<Task<Void, any Error>?>(nil)
            let receiving = Task {
                try await consumer.receive {
                    if !isDelivering { toCancel.withLock { $0 }?.cancel() }
                    return 10
                } _: { deliveries in
                    if isDelivering { toCancel.withLock { $0 }?.cancel() }
                    texts.withLock { $0 += deliveries.map(\.text) }
                    for delivery in deliveries { received.add(delivery.text) }
                }
            }
            try await redis.publish("first")
            #expect(try await received.next() == "first")
            toCancel.withLock { $0 = receiving }
            try await redis.publish("second")
            await #expect(throws: CancellationError.self) { try await receiving.value }
            if texts.withLock({ $0.count }) == 1 { #expect(try await consumer.receive(upTo: 10).count == 1) }
            await consumer.close()
            #expect(try await redis.length("q") == 2)
        }

        @Test func severalConsumersShareAQueue() async throws {
            let redis = try await LiveRedis(database: 1)
            let consumers = [try await redis.consumer(), try await redis.consumer(), try await redis.consumer()]
            let texts = try await withThrowingTaskGroup(of: [String].self) { group in
                for consumer in consumers {
                    group.addTask {
                        var texts: [String] = []
                        while true {
                            for delivery in try await consumer.receive(upTo: 7) {
                                consumer.settle(delivery.tag, .acknowledge)
                                if delivery.text == "end" { return texts }
                                texts.append(delivery.text)
                            }
                        }
                    }
                }
                let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<600 {
                        group.addTask {
                            try await producer.publish(
                                Message(body: Array("\(number)".utf8)), to: Destination(queue: "q"))
                        }
                    }
                    try await group.waitForAll()
                }
                // One at a time, so that none of them takes two.
                var texts: [String] = []
                for _ in consumers {
                    try await redis.publish("end", priority: 9)
                    texts += try await group.next() ?? []
                }
                await producer.close()
                return texts
            }
            #expect(texts.compactMap(Int.init).sorted() == Array(0..<600))
            for consumer in consumers { await consumer.close() }
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
        }

        @Test func aQueueWithTwoBindingsThatMatchGetsAMessageOnce() async throws {
            let redis = try await LiveRedis(database: 1)
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            for key in ["a.#", "a.*", "b.*"] {
                let queue = Queue("q", exchange: "topics", exchangeType: .topic, routingKey: key)
                try await producer.publish(
                    Message(body: []),
                    to: Destination(exchange: "topics", routingKey: key == "a.*" ? "a.x" : "-", queue: queue))
            }
            #expect(try await redis.length("q") == 1)
            await producer.close()
        }

        @Test func aBindingThatIsRefusedIsAnErrorAndWrittenNextTime() async throws {
            let redis = try await LiveRedis(database: 1)
            _ = try await redis.call(RedisPipeline("SET", "_kombu.binding.ex", "text"))
            let queue = Queue("q", exchange: "ex", routingKey: "key")
            let error = await #expect(throws: TransportError.self) { _ = try await redis.consumer([queue]) }
            #expect(error?.code == .rejected)
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            let destination = Destination(exchange: "ex", routingKey: "key", queue: queue)
            await #expect(throws: TransportError.self) {
                try await producer.publish(Message(body: []), to: destination)
            }
            _ = try await redis.call(RedisPipeline("DEL", "_kombu.binding.ex"))
            try await producer.publish(Message(body: []), to: destination)
            #expect(try await redis.length("q") == 1)
            await producer.close()
        }

        @Test func whatCountsAsSettledOnArrivalIsPoppedAndLeavesNoTrace() async throws {
            let redis = try await LiveRedis(database: 1)
            let queue = Queue("replies", exchange: "")
            let consumer = try await redis.broker().makeConsumer(
                ConsumerConfiguration(
                    queues: [queue, "others"], prefetch: 0, isAutoAcknowledging: true, deletesQueues: true),
                logger: LiveRedis.logger)
            // A call that is given up loses nothing: what it has asked for the next one gets.
            let given = Task { try await consumer.receive(upTo: 1) }
            while try await redis.call(RedisPipeline("CLIENT", "LIST")).text?.contains("cmd=brpop") != true {
                await Task.yield()
            }
            given.cancel()
            await #expect(throws: CancellationError.self) { _ = try await given.value }
            try await redis.publish("a", "b", to: queue)
            try await redis.publish("c", priority: 9, to: "others")
            let deliveries = try await consumer.receive(count: 3)
            #expect(Set(deliveries.map { "\($0.queue) \($0.text)" }) == ["replies a", "replies b", "others c"])
            #expect(Set(deliveries.map(\.tag)).count == 3)
            #expect(try await redis.call(RedisPipeline("KEYS", "*unacked*")) == .array([]))
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("KEYS", "*")) == .array([]))
        }

        @Test func whatGoesToAFanoutExchangeReachesEverybodyWhoListens() async throws {
            let redis = try await LiveRedis(database: 1)
            let all = Queue("q1", exchange: "all", exchangeType: .fanout, routingKey: "")
            let some = Queue("q2", exchange: "all", exchangeType: .fanout, routingKey: "news.#")
            let broker = redis.broker()
            var listeners: [any Consumer] = []
            for queue in [all, some] {
                listeners.append(
                    try await broker.makeConsumer(
                        ConsumerConfiguration(queues: [queue], prefetch: 0), logger: LiveRedis.logger))
            }
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            for key in ["", "news.one", "other"] {
                try await producer.publish(
                    Message(body: Array("<\(key)>".utf8)),
                    to: Destination(exchange: "all", type: .fanout, isDurable: true, routingKey: key))
            }
            var heard: [String] = []
            for (listener, queue) in zip(listeners, ["q1", "q2"]) {
                let delivery = try #require(try await listener.receive(upTo: 10).first)
                #expect(delivery.queue == queue)
                heard.append(String(decoding: try delivery.message.get().body, as: UTF8.self))
                await listener.close()
            }
            #expect(heard == ["<>", "<news.one>"])
            #expect(try await redis.length("all") == 0)
            await producer.close()
        }

        /// A consumer of a broadcast queue and a list, and what it has delivered so far.
        private func mixed(_ redis: LiveRedis, _ broker: RedisBroker, _ queues: [Queue]) async throws -> any Consumer {
            try await broker.makeConsumer(
                ConsumerConfiguration(queues: queues, prefetch: 0), logger: LiveRedis.logger)
        }

        private func announce(_ texts: String..., on redis: LiveRedis) async throws {
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            for text in texts {
                try await producer.publish(
                    Message(body: Array(text.utf8)),
                    to: Destination(exchange: "all", type: .fanout, isDurable: true, routingKey: "celery"))
            }
            await producer.close()
        }

        @Test func listsAndWhatIsBroadcastAreConsumedTogether() async throws {
            let redis = try await LiveRedis(database: 1)
            let consumer = try await mixed(redis, redis.broker(), [.broadcast("all"), "q"])
            try await announce("a", "b", on: redis)
            try await redis.publish("c", "d")
            let deliveries = try await consumer.receive(count: 4)
            #expect(deliveries.map(\.text).sorted() == ["a", "b", "c", "d"])
            #expect(Set(deliveries.map(\.tag)).count == 4)
            // One is left to each kind: it is as if it were never taken, or nobody else's.
            for delivery in deliveries where ["a", "c"].contains(delivery.text) {
                #expect(consumer.acknowledge(delivery.tag))
            }
            await consumer.close()
            #expect(try await redis.length("q") == 1)
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index")) == .integer(0))
        }

        @Test func whatTwoConsumersOfAWorkerHearIsDeliveredOnce() async throws {
            let redis = try await LiveRedis(database: 1)
            let (broker, queue) = (redis.broker(), Queue.broadcast("all"))
            let former = try await mixed(redis, broker, [queue, "q"])
            try await announce("a", on: redis)
            #expect(try await former.receive(count: 1).map(\.text) == ["a"])
            let next = try await mixed(redis, broker, [queue, "q", "more"])
            try await announce("b", "c", on: redis)
            #expect(try await former.receive(upTo: 1).map(\.text) == ["b"])
            await former.stop()
            #expect(try await next.receive(count: 1).map(\.text) == ["c"])
            await former.close()
            try await announce("d", on: redis)
            #expect(try await next.receive(count: 1).map(\.text) == ["d"])
            await next.close()
        }

        @Test func aConnectionThatIsLostIsListenedOnAgainWhileListsAreHeld() async throws {
            let redis = try await LiveRedis(database: 1)
            let log = LogLines()
            let consumer = try await redis.broker().makeConsumer(
                ConsumerConfiguration(queues: [.broadcast("all"), "q"], prefetch: 0), logger: log.logger)
            try await redis.publish("held")
            let held = try #require(try await consumer.receive(count: 1).first)
            let receiving = Task { try await consumer.receive(count: 1) }
            let clients = try await redis.call(RedisPipeline("CLIENT", "LIST")).text ?? ""
            for client in clients.split(separator: "\n") where client.contains("name=celery-fanout") {
                guard let id = client.firstMatch(of: /^id=([0-9]+)/) else { continue }
                _ = try await redis.call(RedisPipeline("CLIENT", "KILL", "ID", String(id.1)))
            }
            _ = try await log.next("what is sent to everybody is heard again")
            try await announce("again", on: redis)
            #expect(try await receiving.value.map(\.text) == ["again"])
            #expect(consumer.acknowledge(held.tag))
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "q", "unacked")) == .integer(0))
        }

        @Test func bindingsOfTopicAndDirectExchangesAreFollowed() async throws {
            let redis = try await LiveRedis(database: 1)
            let queues = [
                Queue("all", exchange: "topics", exchangeType: .topic, routingKey: "#"),
                Queue("images", exchange: "topics", exchangeType: .topic, routingKey: "image.*"),
                Queue("plain", exchange: "direct", routingKey: "key"),
            ]
            let consumer = try await redis.consumer(queues)
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            for (exchange, key) in [("topics", "image.small"), ("topics", "text"), ("direct", "key"), ("direct", "x")] {
                try await producer.publish(
                    Message(body: Array(key.utf8)), to: Destination(exchange: exchange, routingKey: key))
            }
            let deliveries = try await consumer.receive(count: 4)
            #expect(
                Set(deliveries.map { "\($0.queue) \($0.text)" }) == [
                    "all image.small", "images image.small", "all text", "plain key",
                ])
            #expect(
                try await redis.call(RedisPipeline("SMEMBERS", "_kombu.binding_permanent.direct"))
                    == .array([.bulk(Array("key\u{6}\u{16}\u{6}\u{16}plain".utf8))]))
            await consumer.close()
            await producer.close()
        }
    }
}
