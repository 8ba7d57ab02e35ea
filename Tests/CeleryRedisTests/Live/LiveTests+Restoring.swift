import CeleryProtocol
import CeleryTransport
import Foundation
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

        /// The holder renews every tenth of a second; the other one would restore after half a second without.
        @Test func aMessageThatIsHeldIsNotRestoredByOthers() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("mine")
            let holder = try await redis.consumer(visibilityTimeout: 0.5, lease: 0.3)
            let delivery = try #require(try await holder.receive(upTo: 1).first)
            func score() async throws -> Double {
                let scores = try await redis.call(RedisPipeline("ZRANGE", "unacked_index", "0", "-1", "WITHSCORES"))
                return try #require(scores.array?.last?.text.flatMap(Double.init))
            }
            let first = try await score()
            let other = try await redis.consumer(visibilityTimeout: 0.5, lease: 0.3)
            let receiving = Task { try await other.receive(upTo: 1) }
            // Well after the time at which it would have been restored.
            while try await score() < first + 1.5 { await Task.yield() }
            #expect(try await redis.length("q") == 0)
            holder.settle(delivery.tag, .acknowledge)
            try await redis.publish("next")
            #expect(try await receiving.value.map(\.text) == ["next"])
            await holder.close()
            await other.close()
        }

        @Test func aMessageOfAConsumerThatDiesComesBackAfterTheLease() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("left behind")
            let dying = try await redis.consumer(visibilityTimeout: 0.6, lease: 0.3)
            _ = try await dying.receive(upTo: 1)
            // Gone without a word.
            dying.held.close()
            await dying.link.commands.close()
            let other = try await redis.consumer(visibilityTimeout: 0.6, lease: 0.3)
            let back = try #require(try await other.receive(upTo: 1).first)
            #expect(back.text == "left behind")
            #expect(back.isRedelivered)
            await other.close()
        }

        @Test func aFarEtaIsParkedAndAnyConsumerBringsItBack() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("near", "far")
            let consumer = try await redis.consumer()
            let deliveries = try await consumer.receive(count: 2)
            let eta = Date().timeIntervalSince1970 + 1000
            #expect(!consumer.park(deliveries[0].tag, until: eta - 990, isUrgent: false))
            #expect(consumer.park(deliveries[1].tag, until: eta, isUrgent: false))
            await consumer.close()
            // The near one went back; the far one is still put aside, until half a minute before its time.
            #expect(try await redis.length("q") == 1)
            let scores = try await redis.call(RedisPipeline("ZRANGE", "unacked_index", "0", "-1", "WITHSCORES")).array
            #expect(try #require(scores?.last?.text.flatMap(Double.init)) == eta - 30 - 3600)
            // As if that time had come.
            let tag = try #require(scores?.first?.text)
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "1000", tag))
            let other = try await redis.consumer()
            #expect(Set(try await other.receive(count: 2).map(\.text)) == ["near", "far"])
            await other.close()
        }

        @Test func anUrgentEtaIsParkedAndComesBackInTime() async throws {
            let redis = try await LiveRedis(database: 2)
            try await redis.publish("soon")
            let consumer = try await redis.consumer()
            let delivery = try #require(try await consumer.receive(upTo: 1).first)
            let eta = Date().timeIntervalSince1970 + 2.5
            #expect(consumer.park(delivery.tag, until: eta, isUrgent: true))
            let back = try #require(try await consumer.receive(upTo: 1).first)
            #expect(back.text == "soon")
            #expect(Date().timeIntervalSince1970 <= eta)
            await consumer.close()
        }
    }
}
