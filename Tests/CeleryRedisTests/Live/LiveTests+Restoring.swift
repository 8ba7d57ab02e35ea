import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    @Suite struct Restoring {
        /// Leaves a message behind as a worker does that has died, long ago.
        func leave(_ text: String, priority: Int? = nil, in redis: LiveRedis, tag: String) async throws {
            var properties = MessageProperties(
                priority: priority, exchange: "", routingKey: "q", deliveryTag: tag)
            properties.isRedelivered = false
            let envelope = KombuEnvelope.encode(Message(properties: properties, body: Array(text.utf8)))
            let entry = "[" + String(decoding: envelope, as: UTF8.self) + #", "", "q"]"#
            _ = try await redis.call(RedisPipeline("HSET", "unacked", tag, entry))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", tag))
        }

        @Test func whatADeadWorkerHeldIsRestoredOnceByTwoConsumers() async throws {
            let redis = try await LiveRedis(database: 2)
            for number in 0..<250 { try await leave("\(number)", in: redis, tag: "tag-\(number)") }
            let consumers = [try await redis.consumer(), try await redis.consumer()]
            let texts = try await withThrowingTaskGroup(of: [String].self) { group in
                for consumer in consumers {
                    group.addTask {
                        var texts: [String] = []
                        while true {
                            for delivery in try await consumer.receive(upTo: 20) {
                                consumer.settle(delivery.tag, .acknowledge)
                                if delivery.text == "end" { return texts }
                                #expect(delivery.isRedelivered)
                                texts.append(delivery.text)
                            }
                        }
                    }
                }
                // The first check restores everything before the first claim, so the lowest priority is last.
                var texts: [String] = []
                for _ in consumers {
                    try await redis.publish("end", priority: 9)
                    texts += try await group.next() ?? []
                }
                return texts
            }
            for consumer in consumers { await consumer.close() }
            #expect(texts.compactMap(Int.init).sorted() == Array(0..<250))
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
        }

        @Test(arguments: [(0, "q"), (5, "q\u{6}\u{16}3")])
        func aRestoredMessageKeepsItsPriority(priority: Int, list: String) async throws {
            let redis = try await LiveRedis(database: 2)
            try await leave("x", priority: priority, in: redis, tag: "t")
            // A consumer of another queue restores for all.
            let consumer = try await redis.consumer(["other"])
            try await redis.publish("go", to: "other")
            _ = try await consumer.receive(upTo: 1)
            let envelope = try #require(try await redis.call(RedisPipeline("LINDEX", list, "0")).bytes)
            let message = try KombuEnvelope.decode(envelope)
            #expect(message.properties.priority == priority)
            #expect(message.properties.isRedelivered)
            #expect(message.headers["redelivered"] == true)
            #expect(message.properties.deliveryTag == "t")
            await consumer.close()
        }

        @Test func whatWasHeldLongestComesFirst() async throws {
            let redis = try await LiveRedis(database: 2)
            for number in 0..<250 {
                try await leave("\(number)", in: redis, tag: "t\(number)")
                _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "\(1000 + number)", "t\(number)"))
            }
            let consumer = try await redis.consumer()
            #expect(try await consumer.receive(count: 250).map(\.text) == (0..<250).map(String.init))
            await consumer.close()
        }

        @Test func anEntryWithoutAQueueBecomesADeadLetter() async throws {
            let redis = try await LiveRedis(database: 2)
            let entry = #"[{"body": ""}, "", null]"#
            _ = try await redis.call(RedisPipeline("HSET", "unacked", "t", entry))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", "t"))
            let consumer = try await redis.consumer()
            try await redis.publish("go")
            #expect(try await consumer.receive(upTo: 1).map(\.text) == ["go"])
            #expect(try await redis.call(RedisPipeline("RPOP", "unacked.dead-letter")).text == entry)
            #expect(try await redis.call(RedisPipeline("EXISTS", "")) == .integer(0))
            await consumer.close()
        }

        @Test func anEntryThatIsNotKombusBecomesADeadLetter() async throws {
            let redis = try await LiveRedis(database: 2)
            _ = try await redis.call(RedisPipeline("HSET", "unacked", "t", "[nonsense"))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", "t"))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", "without an entry"))
            let consumer = try await redis.consumer()
            try await redis.publish("go")
            #expect(try await consumer.receive(upTo: 1).map(\.text) == ["go"])
            #expect(try await redis.call(RedisPipeline("RPOP", "unacked.dead-letter")).text == "[nonsense")
            #expect(try await redis.call(RedisPipeline("ZCARD", "unacked_index")) == .integer(1))
            await consumer.close()
        }

        /// When a message that is held was renewed; `nil` when it is not held any more.
        func score(in redis: LiveRedis) async throws -> Double? {
            let scores = try await redis.call(RedisPipeline("ZRANGE", "unacked_index", "0", "-1", "WITHSCORES"))
            return scores.array?.last?.text.flatMap(Double.init)
        }

        /// The longest time in which nothing was renewed, seen from here, in five leases; until something is restored.
        func longestPause(_ lease: Double, in redis: LiveRedis) async throws -> Duration {
            guard let first = try await score(in: redis) else { return .zero }
            var (last, since, longest) = (first, ContinuousClock.now, Duration.zero)
            while last < first + 5 * lease, let score = try await score(in: redis) {
                longest = max(longest, .now - since)
                if score != last { (last, since) = (score, .now) }
                await Task.yield()
            }
            return longest
        }

        /// The holder renews three times in a lease; the other one would restore after one without, or a bit later by
        /// kombu's rule.
        @Test func aMessageThatIsHeldIsNotRestoredByOthers() async throws {
            var lease = 0.3
            while true {
                let redis = try await LiveRedis(database: 2)
                try await redis.publish("mine")
                let options = (visibilityTimeout: Duration.seconds(lease * 1.7), lease: Duration.seconds(lease))
                let holder = try await redis.consumer(
                    visibilityTimeout: options.visibilityTimeout, lease: options.lease)
                let delivery = try #require(try await holder.receive(upTo: 1).first)
                let other = try await redis.consumer(visibilityTimeout: options.visibilityTimeout, lease: options.lease)
                let receiving = Task { try await other.receive(upTo: 1) }
                // Again with more time, when the machine was so busy that the holder itself came too late.
                let isBusy = try await longestPause(lease, in: redis) >= options.lease
                if !isBusy {
                    #expect(try await redis.length("q") == 0)
                    holder.settle(delivery.tag, .acknowledge)
                    try await redis.publish("next")
                    #expect(try await receiving.value.map(\.text) == ["next"])
                }
                receiving.cancel()
                _ = await receiving.result
                await holder.close()
                await other.close()
                if !isBusy { return }
                lease *= 2
            }
        }

        /// Gone without a word.
        func kill(_ consumer: RedisConsumer) async {
            consumer.restorer.close()
            consumer.held.close()
            await consumer.link.commands.close()
        }

        @Test func whatADeadConsumerHeldComesBackAfterItsLease() async throws {
            let redis = try await LiveRedis(database: 2)
            for number in 0..<150 { try await redis.publish("\(number)") }
            let dying = try await redis.consumer(lease: .seconds(0.6))
            _ = try await dying.receive(count: 150)
            await kill(dying)
            let log = LogLines()
            let other = try await redis.consumer(lease: .seconds(0.6), log: log)
            let back = try await other.receive(count: 150)
            #expect(back.compactMap { Int($0.text) }.sorted() == Array(0..<150))
            #expect(back.count(where: \.isRedelivered) == 150)
            let line = try await log.next("restored")
            for part in ["count=150", "age=", dying.held.id, "no sign of life"] { #expect(line.contains(part)) }
            await other.close()
        }

        @Test func aConsumerThatWasOnlyStoppedDoesNotStartWhatOthersHaveRestored() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("a", "b")
            let log = LogLines()
            let stopped = try await redis.consumer(lease: .seconds(3), log: log)
            let held = try await stopped.receive(count: 2)
            #expect(stopped.holds(held[0].tag))
            // Somebody restores one of them, as kombu does.
            let tag = stopped.held.tag(held[1].tag.value)
            _ = try await redis.call(RedisPipeline("ZREM", "unacked_index", tag))
            _ = try await redis.call(RedisPipeline("HDEL", "unacked", tag))
            _ = try await log.next("somebody else has restored", "count=1")
            #expect(!stopped.holds(held[1].tag))
            #expect(stopped.holds(held[0].tag))
            await stopped.close()
            #expect(try await redis.length("q") == 1)
        }

        @Test func whatIsHeldWhenTheServerIsEmptiedRunsHere() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("a")
            let log = LogLines()
            let consumer = try await redis.consumer(lease: .seconds(3), log: log)
            let held = try await consumer.receive(count: 1)
            _ = try await redis.call(RedisPipeline("FLUSHDB"))
            _ = try await log.next("emptied")
            #expect(consumer.holds(held[0].tag))
            await consumer.close()
        }

        /// What kombu asks at each of its checks.
        func overdue(forTimeout seconds: Double, in redis: LiveRedis) async throws -> [RESPValue] {
            let limit = String(Date().timeIntervalSince1970 - seconds)
            return try await redis.call(RedisPipeline("ZRANGEBYSCORE", "unacked_index", "0", limit)).array ?? []
        }

        @Test(arguments: [60.0, 300, 3600, 43200])
        func noPeerFindsALiveMessageOverdueWhateverItsTimeout(timeout: Double) async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("running", "near", "far")
            let consumer = try await redis.consumer()
            let held = try await consumer.receive(count: 3)
            #expect(consumer.park(held[2].tag, until: Date() + 100, isUrgent: false))
            await consumer.flush()
            #expect(try await overdue(forTimeout: timeout, in: redis).isEmpty)
            #expect(try await redis.call(RedisPipeline("ZCARD", "unacked_index")) == .integer(3))
            await consumer.close()
        }

        @Test func whatIsOverdueByKombusRuleIsRestoredWithALine() async throws {
            let redis = try await LiveRedis(database: 2)
            try await leave("x", in: redis, tag: "t")
            let log = LogLines()
            let consumer = try await redis.consumer(visibilityTimeout: .seconds(43200), log: log)
            _ = try await consumer.receive(upTo: 1)
            let line = try await log.next("restored")
            for part in ["count=1", "age=", "visibility timeout of 43200.0 s"] { #expect(line.contains(part)) }
            await consumer.close()
        }

        @Test func aFarEtaIsParkedAndAnyConsumerBringsItBack() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("near", "far")
            let consumer = try await redis.consumer()
            let deliveries = try await consumer.receive(count: 2)
            let eta = Date() + 1000
            #expect(!consumer.park(deliveries[0].tag, until: eta - 990, isUrgent: false))
            #expect(consumer.park(deliveries[1].tag, until: eta, isUrgent: false))
            await consumer.close()
            // The near one went back; the far one is still put aside, until half a minute before its time. By its
            // score even a worker with no timeout at all would leave it alone until its eta.
            #expect(try await redis.length("q") == 1)
            let scores = try await redis.call(RedisPipeline("ZRANGE", "unacked_index", "0", "-1", "WITHSCORES")).array
            #expect(try #require(scores?.last?.text.flatMap(Double.init)) == eta.timeIntervalSince1970)
            let tag = try #require(scores?.first?.text)
            let due = try await redis.call(RedisPipeline("ZSCORE", "unacked_swift_etas", tag)).text.flatMap(Double.init)
            #expect(due == eta.timeIntervalSince1970 - 30)
            // As if that time had come.
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_swift_etas", "1000", tag))
            let other = try await redis.consumer()
            #expect(Set(try await other.receive(count: 2).map(\.text)) == ["near", "far"])
            await other.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked_swift_etas")) == .integer(0))
        }

        @Test func aParkedMessageStaysParkedWhenItsWorkerDies() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("held", "parked")
            let dying = try await redis.consumer(lease: .seconds(0.6))
            let deliveries = try await dying.receive(count: 2)
            #expect(dying.park(deliveries[1].tag, until: Date() + 1000, isUrgent: false))
            await dying.flush()
            await kill(dying)
            let other = try await redis.consumer(lease: .seconds(0.6))
            #expect(try await other.receive(upTo: 2).map(\.text) == ["held"])
            // Its end was seen to.
            while true {
                let sign = try await redis.call(RedisPipeline("HGET", "unacked_swift_workers", dying.held.id)).text
                if sign?.hasPrefix("dead") == true { break }
                await Task.yield()
            }
            #expect(try await redis.call(RedisPipeline("ZCARD", "unacked_swift_etas")) == .integer(1))
            #expect(try await redis.length("q") == 0)
            await other.close()
        }

        @Test func aParkedMessageThatSomebodyElseHasRestoredIsForgotten() async throws {
            let redis = try await LiveRedis(database: 2)
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_swift_etas", "1000", "t"))
            let consumer = try await redis.consumer()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked_swift_etas")) == .integer(0))
            await consumer.close()
        }

        @Test func anUrgentEtaIsParkedAndComesBackInTime() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("soon")
            let consumer = try await redis.consumer()
            let delivery = try #require(try await consumer.receive(upTo: 1).first)
            let eta = Date() + 2.5
            #expect(consumer.park(delivery.tag, until: eta, isUrgent: true))
            let back = try #require(try await consumer.receive(upTo: 1).first)
            #expect(back.text == "soon")
            #expect(Date() <= eta)
            await consumer.close()
        }

        // MARK: What cannot be restored

        @Test func aTagThatIsNoTextIsRestoredOnce() async throws {
            let redis = try await LiveRedis(database: 2)
            for byte in [0x80, 0xFF, 0xC3] as [UInt8] {
                for (key, value) in [("HSET", "unacked"), ("ZADD", "unacked_index")] {
                    var command = RedisPipeline()
                    command.begin(4)
                    command.add(key)
                    command.add(value)
                    if key == "ZADD" { command.add("1000") }
                    command.add([byte, byte])
                    if key == "HSET" { command.add(#"[{"body": ""}, "", "q"]"#) }
                    _ = try await redis.call(command)
                }
            }
            let log = LogLines()
            let consumer = try await redis.consumer(log: log)
            _ = try await consumer.receive(count: 3)
            #expect(try await redis.call(RedisPipeline("HLEN", "unacked")) == .integer(3))
            #expect(log.lines.count == 1)
            await consumer.close()
        }

        @Test(arguments: ["unacked", "unacked_index", "unacked_swift_etas", "_kombu.binding.q", "celery-task-meta-x"])
        func anEntryOfAKeyThatIsNoQueueIsSetAside(name: String) async throws {
            let redis = try await LiveRedis(database: 2)
            let entry = #"[{"body": ""}, "", "\#(name)"]"#
            _ = try await redis.call(RedisPipeline("HSET", "unacked", "t", entry))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", "t"))
            let log = LogLines()
            let consumer = try await redis.consumer(log: log)
            try await redis.publish("go")
            #expect(try await consumer.receive(upTo: 1).map(\.text) == ["go"])
            #expect(try await redis.call(RedisPipeline("LINDEX", "unacked.dead-letter", "0")).text == entry)
            #expect(try await redis.call(RedisPipeline("TYPE", "unacked")) == .status("hash"))
            await consumer.close()
            // It is not said to be restored.
            #expect(log.lines.count == 1)
            #expect(log.lines.first?.contains("cannot be restored and go to the dead letters") == true)
        }

        @Test func aKeyThatIsNoQueueIsNotPublishedToNorConsumed() async throws {
            let redis = try await LiveRedis(database: 2)
            let error = await #expect(throws: TransportError.self) { try await redis.publish("x", to: "unacked") }
            #expect(error?.code == .rejected)
            let other = await #expect(throws: TransportError.self) { _ = try await redis.consumer(["unacked_index"]) }
            #expect(other?.code == .invalidConfiguration)
            // By a binding that somebody has written.
            _ = try await redis.call(
                RedisPipeline("SADD", "_kombu.binding.ex", "k\u{6}\u{16}\u{6}\u{16}unacked"))
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            await #expect(throws: TransportError.self) {
                try await producer.publish(Message(body: []), to: Destination(exchange: "ex", routingKey: "k"))
            }
            await producer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index")) == .integer(0))
        }
    }
}
