import CeleryIO
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    @Suite struct Refusals {
        /// Sets one of the server's parameters while `body` runs.
        func with(
            _ parameter: String, _ value: String, in redis: LiveRedis, _ body: () async throws -> Void
        ) async throws {
            _ = try await redis.call(RedisPipeline("CONFIG", "SET", parameter, value))
            let result: Result<Void, any Error>
            do {
                result = .success(try await body())
            } catch {
                result = .failure(error)
            }
            _ = try await redis.call(RedisPipeline("CONFIG", "SET", parameter, "0"))
            try result.get()
        }

        /// Waits until the server has run so many more scripts.
        func scripts(_ count: Int, in redis: LiveRedis) async throws {
            func calls() async throws -> Int { try await redis.commandCounts()["evalsha"] ?? 0 }
            let start = try await calls()
            while try await calls() < start + count { await Task.yield() }
        }

        @Test func aServerThatRefusesToWriteIsWaitedFor() async throws {
            let redis = try await LiveRedis(database: 6)
            let consumer = try await redis.consumer()
            try await redis.publish("x")
            var receiving: Task<[Delivery], any Error>?
            try await with("min-replicas-to-write", "1", in: redis) {
                receiving = Task { try await consumer.receive(upTo: 1) }
                try await scripts(3, in: redis)
            }
            #expect(try await receiving?.value.map(\.text) == ["x"])
            await consumer.close()
        }

        @Test func aQueueThatIsNoListDoesNotStopTheOthers() async throws {
            let redis = try await LiveRedis(database: 6)
            let log = LogLines()
            let consumer = try await redis.consumer(["a", "bad"], log: log)
            _ = try await redis.call(RedisPipeline("SET", "bad", "text"))
            try await redis.publish("1", "2", to: "a")
            // With room for more, so that the other key is come upon.
            #expect(try await consumer.receive(upTo: 10).map(\.text) == ["1", "2"])
            #expect(try await redis.call(RedisPipeline("HLEN", "unacked")) == .integer(2))
            // It waits for pushes, as if the other key did not exist.
            let receiving = Task { try await consumer.receive(upTo: 1) }
            let before = try await redis.commandCounts()["evalsha"] ?? 0
            for _ in 0..<200 { _ = try await redis.call(RedisPipeline("PING")) }
            #expect(try await redis.commandCounts()["evalsha"] ?? 0 <= before + 3)
            _ = try await redis.call(RedisPipeline("DEL", "bad"))
            try await redis.publish("3", to: "bad")
            #expect(try await receiving.value.map(\.text) == ["3"])
            #expect(log.lines.count { $0.contains("keys=bad") } == 1)
            await consumer.close()
        }

        @Test(arguments: ["unacked", "unacked_index"])
        func whatCannotBeHeldStaysInItsQueue(key: String) async throws {
            let redis = try await LiveRedis(database: 6)
            let log = LogLines()
            let consumer = try await redis.consumer(log: log)
            try await redis.publish("1", "2", "3")
            try await redis.publish("4", priority: 5)
            _ = try await redis.call(RedisPipeline("SET", key, "text"))
            let receiving = Task { try await consumer.receive(count: 4) }
            try await scripts(3, in: redis)
            #expect(try await redis.length("q") == 3)
            let other = key == "unacked" ? "unacked_index" : "unacked"
            #expect(try await redis.call(RedisPipeline("EXISTS", other)) == .integer(0))
            _ = try await redis.call(RedisPipeline("DEL", key))
            #expect(try await receiving.value.map(\.text) == ["1", "2", "3", "4"])
            _ = try await log.next("refuses to give messages", "WRONGTYPE \(key) ")
            await consumer.close()
        }

        @Test(arguments: [
            "unacked", "unacked_index", "unacked_swift_workers", "unacked_swift_etas", "unacked_swift_turn:q",
            "unacked_swift_idle:q",
        ])
        func aKeyOfAnotherTypeIsNamedAndNothingSpins(key: String) async throws {
            let redis = try await LiveRedis(database: 6)
            let log = LogLines()
            let consumer = try await redis.consumer(lease: .seconds(0.3), log: log)
            _ = try await redis.call(RedisPipeline("DEL", key))
            _ = try await redis.call(RedisPipeline("SET", key, "text"))
            let receiving = Task { try await consumer.receive(upTo: 1) }
            _ = try await log.next("WRONGTYPE", key)
            let before = log.lines.count
            let start = try await redis.commandCounts()["evalsha"] ?? 0
            let isOver = WakeSignal()
            _ = Deadlines.shared.add(.now + .seconds(0.3)) { isOver.signal() }
            try await isOver.wait()
            // It looks for what is left behind 20 times a second, with such a lease.
            #expect(try await redis.commandCounts()["evalsha"] ?? 0 < start + 200)
            #expect(log.lines.count < before + 5)
            _ = try await redis.call(RedisPipeline("DEL", key))
            try await redis.publish("x")
            #expect(try await receiving.value.map(\.text) == ["x"])
            await consumer.close()
        }

        @Test func aBindingOfAnotherTypeIsNamed() async throws {
            let redis = try await LiveRedis(database: 6)
            _ = try await redis.call(RedisPipeline("SET", "_kombu.binding.q", "text"))
            let opening = await #expect(throws: TransportError.self) { try await redis.consumer() }
            #expect(opening?.message.hasSuffix("(SADD _kombu.binding.q)") == true)
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            let publishing = await #expect(throws: TransportError.self) {
                try await producer.publish(Message(body: []), to: Destination(exchange: "q", routingKey: "q"))
            }
            #expect(publishing?.message.hasSuffix("(SMEMBERS _kombu.binding.q)") == true)
            await producer.close()
        }

        @Test func aResultOfAnotherTypeIsNamed() async throws {
            let redis = try await LiveRedis(database: 6)
            _ = try await redis.call(RedisPipeline("LPUSH", "celery-task-meta-a", "text"))
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: LiveRedis.logger)
            let store = try RedisResultBackend(redis.url).makeResultStore(context: context)
            let storing = await #expect(throws: TransportError.self) { try await store.store([started("a")]) }
            #expect(storing?.message.contains("WRONGTYPE celery-task-meta-a ") == true)
            let asking = await #expect(throws: TransportError.self) { try await store.result(of: "a") }
            #expect(asking?.message.hasSuffix("(GET celery-task-meta-a)") == true)
            await store.close()
        }

        @Test func acknowledgementsLeasesAndClaimsWorkWhenMemoryIsShort() async throws {
            let redis = try await LiveRedis(database: 6)
            try await redis.publish("done", "running", "next", "back")
            let consumer = try await redis.consumer(visibilityTimeout: .seconds(100), lease: .seconds(0.3))
            let held = try await consumer.receive(count: 2)
            func score() async throws -> Double {
                let scores = try await redis.call(RedisPipeline("ZRANGE", "unacked_index", "0", "-1", "WITHSCORES"))
                return try #require(scores.array?.last?.text.flatMap(Double.init))
            }
            try await with("maxmemory", "1", in: redis) {
                consumer.settle(held[0].tag, .acknowledge)
                while try await redis.call(RedisPipeline("HLEN", "unacked")) != .integer(1) { await Task.yield() }
                let first = try await score()
                while try await score() < first + 0.5 { await Task.yield() }
                let more = try await consumer.receive(count: 2)
                #expect(more.map(\.text) == ["next", "back"])
                consumer.settle(more[1].tag, .requeue)
                while try await redis.length("q") != 1 { await Task.yield() }
                #expect(try await redis.call(RedisPipeline("HLEN", "unacked")) == .integer(2))
            }
            await consumer.close()
        }

        @Test func messagesWhoseQueueIsNoListAreSetAsideOnce() async throws {
            let redis = try await LiveRedis(database: 6)
            _ = try await redis.call(RedisPipeline("SET", "bad", "text"))
            for number in 0..<150 {
                let entry = #"[{"body": "", "headers": {}, "properties": {}}, "", "bad"]"#
                _ = try await redis.call(RedisPipeline("HSET", "unacked", "bad-\(number)", entry))
                _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "2000", "bad-\(number)"))
            }
            let entry = #"[{"body": "Z29vZA==", "properties": {"body_encoding": "base64"}}, "", "q"]"#
            _ = try await redis.call(RedisPipeline("HSET", "unacked", "good", entry))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", "good"))
            let log = LogLines()
            let consumer = try await redis.consumer(log: log)
            let delivery = try #require(try await consumer.receive(upTo: 1).first)
            consumer.settle(delivery.tag, .acknowledge)
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index")) == .integer(0))
            #expect(try await redis.length("unacked.dead-letter") == 150)
            #expect(log.lines.count { $0.contains("WRONGTYPE") } <= 2)
        }

        @Test(arguments: [
            ["-client|tracking"], ["-client|caching"], ["resetchannels"], ["resetchannels", "&__redis__:invalidate"],
        ])
        func aServerThatDoesNotAnnouncePushesIsAsked(rules: [String]) async throws {
            let redis = try await LiveRedis(database: 6)
            let limited = try await limited(redis, rules)
            let consumer = try await RedisConsumer.open(
                RedisAddress(limited), ConsumerConfiguration(queues: ["q"], prefetch: 0), options: .init(),
                logger: LiveRedis.logger)
            for text in ["a", "b", "c"] {
                let receiving = Task { try await consumer.receive(upTo: 1) }
                try await redis.publish(text)
                let delivery = try #require(try await receiving.value.first)
                #expect(delivery.text == text)
                consumer.settle(delivery.tag, .acknowledge)
            }
            #expect(!consumer.link.isAnnouncing)
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
        }

        @Test func aRefusedSubscriptionFailsThoseWhoWaitForAResult() async throws {
            let redis = try await LiveRedis(database: 6)
            let limited = try await limited(redis, ["resetchannels"])
            let log = LogLines()
            let context = ResultStoreContext(broker: redis.broker(), replyTo: "me", logger: log.logger)
            let store = try RedisResultBackend(limited).makeResultStore(context: context)
            let error = await #expect(throws: TransportError.self) {
                for try await _ in try await store.updates(of: "a") {}
            }
            #expect(error?.code == .refused)
            // A result is stored even if nobody can be told of it.
            let result = StoredResult(
                TaskResult(id: "a", state: .success, result: 1), route: ReplyRoute(replyTo: nil, correlationID: "a"))
            try await store.store([result])
            #expect(try await store.result(of: "a")?.result == 1)
            // And that is said, once.
            for _ in 0..<3 { try await store.store([started("b"), started("c")]) }
            #expect(log.lines.count { $0.contains("refuses to announce them") } == 1)
            await store.close()
        }

        @Test func manyRefusedMessagesAreBuriedInBatchesAndHoldUpClaims() async throws {
            let redis = try await LiveRedis(database: 6)
            let total = 20_000
            for start in stride(from: 0, to: total, by: 1000) {
                var pipeline = RedisPipeline()
                for number in start..<start + 1000 { pipeline.append("LPUSH", "q", "nonsense \(number)") }
                _ = try await redis.call(pipeline)
            }
            let consumer = try await redis.consumer()
            let most = Locked(0)
            let buried = Notes<Int>()
            let count = Locked(0)
            let before = try await redis.commandCounts()["evalsha"] ?? 0
            let receiving = Task {
                try await consumer.receive {
                    1_000_000
                } _: { deliveries in
                    let pending = consumer.held.count
                    most.withLock { $0 = max($0, pending) }
                    for delivery in deliveries { consumer.settle(delivery.tag, .deadLetter(reason: "nonsense")) }
                    let sum = count.withLock { count in
                        count += deliveries.count
                        return count
                    }
                    if sum == total { buried.add(sum) }
                }
            }
            _ = try await buried.next()
            await consumer.flush()
            #expect(try await redis.length("q.dead-letter") == total)
            #expect(most.withLock { $0 } <= ReturnQueue.capacity)
            #expect(try await redis.commandCounts()["evalsha"] ?? 0 < before + total / 20)
            // In their order.
            #expect(try await redis.call(RedisPipeline("LINDEX", "q.dead-letter", "-1")).text == "nonsense 0")
            receiving.cancel()
            _ = await receiving.result
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
        }

        func started(_ id: String) -> StoredResult {
            StoredResult(
                TaskResult(id: id, state: .started, result: 1), route: ReplyRoute(replyTo: nil, correlationID: id))
        }

        /// The address for a user who may do all but this.
        func limited(_ redis: LiveRedis, _ rules: [String]) async throws -> String {
            var command = RedisPipeline()
            let arguments = ["ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "&*", "+@all"] + rules
            command.begin(arguments.count)
            for argument in arguments { command.add(argument) }
            _ = try await redis.call(command)
            return redis.url.replacing("redis://", with: "redis://limited:secret@")
        }
    }
}
