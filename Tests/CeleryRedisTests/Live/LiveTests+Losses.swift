import CeleryProtocol
import CeleryTransport
import Foundation
import Testing

@testable import CeleryRedis

extension LiveTests {
    @Suite struct Losses {
        @Test func whatIsHeldSurvivesTheLossOfAllConnections() async throws {
            let redis = try await LiveRedis(database: 5)
            try await redis.publish("running", "done")
            let consumer = try await redis.consumer()
            let held = try await consumer.receive(count: 2)
            let receiving = Task { try await consumer.receive(upTo: 1) }
            _ = try await redis.call(RedisPipeline("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
            _ = try await redis.call(RedisPipeline("CLIENT", "KILL", "TYPE", "pubsub"))
            consumer.settle(held[1].tag, .acknowledge)
            try await redis.publish("next")
            #expect(try await receiving.value.map(\.text) == ["next"])
            // The one that runs was restored by nobody and is acknowledged over the new connection.
            #expect(try await redis.length("q") == 0)
            consumer.settle(held[0].tag, .acknowledge)
            await consumer.close()
            #expect(try await redis.length("q") == 1)
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index")) == .integer(0))
        }

        /// The claim has reached the server, and its answer was lost with the connection.
        @Test func whatAClaimTookWhoseAnswerWasLostIsBackAtOnce() async throws {
            let redis = try await LiveRedis(database: 5)
            try await redis.publish("claimed")
            let envelope = try #require(try await redis.call(RedisPipeline("RPOP", "q")).text)
            let consumer = try await redis.consumer()
            let tag = consumer.held.tag(7)
            _ = try await redis.call(RedisPipeline("HSET", "unacked", tag, "[\(envelope), \"\", \"q\"]"))
            _ = try await redis.call(RedisPipeline("ZADD", "unacked_index", "\(Date().timeIntervalSince1970)", tag))
            consumer.returns.add([(9, ""), (8, ""), (7, "")], .unheard)
            let delivery = try #require(try await consumer.receive(upTo: 1).first)
            #expect(delivery.text == "claimed")
            consumer.settle(delivery.tag, .acknowledge)
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
        }

        @Test func oneLossAfterTheOtherLosesNothing() async throws {
            let redis = try await LiveRedis(database: 5)
            let consumer = try await redis.consumer()
            for (number, type) in ["pubsub", "normal", "normal", "pubsub"].enumerated() {
                try await redis.publish("\(number)")
                _ = try await redis.call(RedisPipeline("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"))
                let delivery = try #require(try await consumer.receive(upTo: 1).first)
                #expect(delivery.text == "\(number)")
                consumer.settle(delivery.tag, .acknowledge)
            }
            await consumer.close()
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
        }

        @Test func onlyTheSubscriptionIsLostAndNothingIsRestored() async throws {
            let redis = try await LiveRedis(database: 5)
            try await redis.publish("running")
            let consumer = try await redis.consumer()
            let held = try await consumer.receive(count: 1)
            let receiving = Task { try await consumer.receive(upTo: 1) }
            _ = try await redis.call(RedisPipeline("CLIENT", "KILL", "TYPE", "pubsub"))
            try await redis.publish("next")
            #expect(try await receiving.value.map(\.text) == ["next"])
            #expect(try await redis.call(RedisPipeline("HLEN", "unacked")) == .integer(2))
            consumer.settle(held[0].tag, .acknowledge)
            await consumer.close()
            #expect(try await redis.length("q") == 1)
        }

        @Test func aRequeueDuringALossIsMadeGood() async throws {
            let redis = try await LiveRedis(database: 5)
            try await redis.publish("again")
            let consumer = try await redis.consumer()
            let held = try await consumer.receive(count: 1)
            _ = try await redis.call(RedisPipeline("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))
            consumer.settle(held[0].tag, .requeue)
            await consumer.close()
            #expect(try await redis.length("q") == 1)
            #expect(try await redis.call(RedisPipeline("EXISTS", "unacked", "unacked_index")) == .integer(0))
        }
    }
}
