import CeleryIO
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    /// Idle consumers take turns to watch, so that a push wakes a fixed few.
    @Suite struct Turns {
        struct Receipt {
            let consumer: Int
            let text: String
        }

        /// Consumers that wait, each with room for a few messages, which it acknowledges at once.
        final class Fleet: Sendable {
            let consumers: [RedisConsumer]
            let receipts = Notes<Receipt>()
            private let tasks: [Task<Void, any Error>]

            init(_ count: Int, on redis: LiveRedis) async throws {
                var consumers: [RedisConsumer] = []
                for _ in 0..<count { consumers.append(try await redis.consumer()) }
                self.consumers = consumers
                tasks = consumers.enumerated().map { [receipts] number, consumer in
                    Task {
                        try await consumer.receive {
                            4
                        } _: { deliveries in
                            for delivery in deliveries {
                                consumer.settle(delivery.tag, .acknowledge)
                                receipts.add(Receipt(consumer: number, text: delivery.text))
                            }
                        }
                    }
                }
                // All of them wait when they stand in line.
                while try await redis.call(RedisPipeline("ZCARD", "unacked_swift_idle:q")).integer != max(0, count - 2)
                {
                    await Task.yield()
                }
            }

            func close() async {
                for task in tasks { task.cancel() }
                for task in tasks { _ = await task.result }
                for consumer in consumers { await consumer.close() }
            }
        }

        /// The number of the consumer that has a role.
        func holder(_ role: String, of fleet: Fleet, in redis: LiveRedis) async throws -> Int {
            let id = try await redis.call(RedisPipeline("HGET", "unacked_swift_turn:q", role)).text
            return try #require(fleet.consumers.firstIndex { $0.held.id == id })
        }

        func cost(_ redis: LiveRedis, _ fleet: Fleet, tasks: Int) async throws -> Int {
            func count() async throws -> Int {
                let counts = try await redis.commandCounts()
                return (counts["evalsha"] ?? 0) + (counts["exists"] ?? 0)
            }
            let producer = try await redis.broker().makeProducer(logger: LiveRedis.logger)
            let before = try await count()
            for number in 0..<tasks {
                try await producer.publish(Message(body: Array("\(number)".utf8)), to: Destination(queue: "q"))
                #expect(try await fleet.receipts.next().text == "\(number)")
            }
            await producer.close()
            return try await count() - before
        }

        @Test func aTaskCostsTheSameHoweverManyAreIdle() async throws {
            let redis = try await LiveRedis(database: 10)
            var costs: [Int] = []
            for count in [1, 100] {
                let fleet = try await Fleet(count, on: redis)
                costs.append(try await cost(redis, fleet, tasks: 100))
                await fleet.close()
            }
            // With a few looks at what others have left behind.
            #expect(costs[1] <= 2 * costs[0] + 100, "\(costs)")
        }

        @Test func messagesGoRound() async throws {
            let redis = try await LiveRedis(database: 10)
            let fleet = try await Fleet(5, on: redis)
            var counts = Array(repeating: 0, count: 5)
            for number in 0..<50 {
                try await redis.publish("\(number)")
                counts[try await fleet.receipts.next().consumer] += 1
            }
            #expect(counts.allSatisfy { $0 >= 5 }, "\(counts)")
            await fleet.close()
        }

        enum Failure: CaseIterable {
            /// As if its process were stopped: its connections are there, and it does nothing.
            case deaf
            /// As if it were killed.
            case cut
            /// It ends as it should.
            case stopped
        }

        @Test(arguments: Failure.allCases)
        func whenWhoWatchesFailsAnotherOneClaimsWithinASecond(failure: Failure) async throws {
            let redis = try await LiveRedis(database: 10)
            let fleet = try await Fleet(6, on: redis)
            var takeovers: [Duration] = []
            for number in 0..<3 {
                let first = try await holder("first", of: fleet, in: redis)
                switch failure {
                case .deaf: fleet.consumers[first].link.listen { _ in }
                case .cut: await fleet.consumers[first].link.close(atOnce: true)
                case .stopped: await fleet.consumers[first].stop()
                }
                let start = ContinuousClock.now
                try await redis.publish("\(number)")
                let receipt = try await fleet.receipts.next()
                #expect(receipt.text == "\(number)")
                #expect(receipt.consumer != first)
                takeovers.append(.now - start)
            }
            // The machine may have been busy once.
            #expect(takeovers.sorted()[1] < .seconds(1), "\(takeovers)")
            await fleet.close()
        }

        @Test func whenAllWhoWatchFailAtOnceOneOfTheOthersFindsOut() async throws {
            let redis = try await LiveRedis(database: 10)
            let fleet = try await Fleet(4, on: redis)
            for role in ["first", "second"] {
                let number = try await holder(role, of: fleet, in: redis)
                fleet.consumers[number].link.listen { _ in }
            }
            try await redis.publish("x")
            #expect(try await fleet.receipts.next().text == "x")
            await fleet.close()
        }

        @Test func afterTheLastOneHasGoneTheNextOneWatches() async throws {
            let redis = try await LiveRedis(database: 10)
            for number in 0..<3 {
                let fleet = try await Fleet(2, on: redis)
                try await redis.publish("\(number)")
                #expect(try await fleet.receipts.next().text == "\(number)")
                await fleet.close()
            }
        }

        /// It forgets at once what was read, and announces that as a push.
        @Test func aServerThatAnnouncesPushesWithoutEndIsAskedInIntervalsAndTheLogSaysSo() async throws {
            let server = try PrivateRedis("--tracking-table-max-keys", "1")
            let redis = try await LiveRedis(at: server.url)
            let log = LogLines()
            let consumer = try await redis.consumer(log: log)
            let receiving = Task { try await consumer.receive(upTo: 1) }
            _ = try await log.next("again and again", "tracking-table-max-keys")
            let before = try await redis.commandCounts()
            let isOver = WakeSignal()
            _ = Deadlines.shared.add(.now + .seconds(1)) { isOver.signal() }
            try await isOver.wait()
            let after = try await redis.commandCounts()
            for command in ["evalsha", "exists"] {
                #expect(after[command, default: 0] < before[command, default: 0] + 30)
            }
            try await redis.publish("x")
            #expect(try await receiving.value.map(\.text) == ["x"])
            #expect(log.lines.count { $0.contains("again and again") } == 1)
            await consumer.close()
        }
    }
}
