import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

@testable import CeleryRedis

extension LiveTests {
    /// With a server of their own, which goes away or refuses.
    @Suite struct Outages {
        static let logger = LiveRedis.logger

        func broker(_ server: PrivateRedis, lease: Duration = .seconds(60)) -> RedisBroker {
            RedisBroker(server.url, options: .init(lease: lease))
        }

        /// As a worker does it: again and again while it may pass.
        func connect<Value: Sendable>(
            _ attempt: @Sendable () async throws -> Value, onRefusal: (TransportError) async throws -> Void = { _ in }
        ) async throws -> Value {
            while true {
                do {
                    return try await attempt()
                } catch let error as TransportError where error.isRetriable {
                    try await onRefusal(error)
                    await Task.yield()
                }
            }
        }

        func admin(_ server: PrivateRedis) async throws -> RedisConnection {
            try await connect { [url = server.url] in
                try await RedisConnection.open(RedisAddress(url), name: "admin", logger: Self.logger)
            }
        }

        func publish(_ texts: String..., to server: PrivateRedis) async throws {
            let producer = try await broker(server).makeProducer(logger: Self.logger)
            for text in texts {
                try await producer.publish(Message(body: Array(text.utf8)), to: Destination(queue: "q"))
            }
            await producer.close()
        }

        func open(_ server: PrivateRedis, lease: Duration = .seconds(60), _ log: LogLines) async throws -> RedisConsumer
        {
            try await RedisConsumer.open(
                RedisAddress(server.url), ConsumerConfiguration(queues: ["q"], prefetch: 0),
                options: .init(lease: lease), logger: log.logger)
        }

        @Test func whatIsHeldSurvivesAServerThatIsAwayForLongerThanTheLease() async throws {
            let server = try PrivateRedis()
            _ = try await admin(server)
            try await publish("running", "done", "waiting", to: server)
            let (log, otherLog) = (LogLines(), LogLines())
            let consumer = try await open(server, lease: .seconds(2), log)
            let held = try await consumer.receive(count: 3)
            let other = try await open(server, lease: .seconds(2), otherLog)
            let receiving = Task { try await other.receive(upTo: 1) }
            server.stop()
            _ = try await log.next("is lost")
            _ = try await otherLog.next("is lost")
            consumer.settle(held[1].tag, .acknowledge)
            let isOver = WakeSignal()
            _ = Deadlines.shared.add(.now + .seconds(3)) { isOver.signal() }
            try await isOver.wait()
            try server.start()
            _ = try await log.next("connected to Redis again")
            _ = try await otherLog.next("connected to Redis again")
            // For longer than the lease, again.
            _ = Deadlines.shared.add(.now + .seconds(2.5)) { isOver.signal() }
            try await isOver.wait()
            #expect(consumer.holds(held[2].tag))
            let admin = try await admin(server)
            #expect(try await admin.call(RedisPipeline("HLEN", "unacked")) == .integer(2))
            consumer.settle(held[0].tag, .acknowledge)
            consumer.settle(held[2].tag, .acknowledge)
            await consumer.close()
            // The other one got none of them.
            try await publish("next", to: server)
            #expect(try await receiving.value.map(\.text) == ["next"])
            await other.close()
            #expect((log.lines + otherLog.lines).count { $0.contains("restored") } == 0)
        }

        /// `timeout 1`: connections die between two commands, and each new one works.
        @Test func aServerThatEndsIdleConnectionsLosesNothingAndFillsNoLog() async throws {
            let server = try PrivateRedis("--timeout", "1")
            _ = try await admin(server)
            try await publish("late", to: server)
            let log = LogLines()
            let consumer = try await open(server, log)
            let held = try await consumer.receive(count: 1)
            let received = Notes<String>()
            let receiving = Task {
                try await consumer.receive {
                    4
                } _: { deliveries in
                    for delivery in deliveries {
                        received.add(delivery.text)
                        consumer.settle(delivery.tag, .acknowledge)
                    }
                }
            }
            let isOver = WakeSignal()
            _ = Deadlines.shared.add(.now + .seconds(5)) { isOver.signal() }
            try await isOver.wait()
            try await publish("next", to: server)
            #expect(try await received.next() == "next")
            consumer.settle(held[0].tag, .acknowledge)
            receiving.cancel()
            _ = await receiving.result
            await consumer.close()
            let admin = try await admin(server)
            #expect(try await admin.call(RedisPipeline("EXISTS", "unacked", "unacked_index", "q")) == .integer(0))
            #expect(log.lines.count { $0.hasPrefix("warning") } <= 2)
        }

        @Test(arguments: [
            ("maxmemory", "1", "0", "OOM"), ("min-replicas-to-write", "1", "0", "NOREPLICAS"),
            ("maxclients", "2", "100", "max number of clients"),
        ])
        func aServerThatRefusesAtTheStartIsWaitedForInItsOwnWords(
            option: String, value: String, usual: String, words: String
        ) async throws {
            let server = try PrivateRedis()
            let admin = try await admin(server)
            // One connection more makes it full.
            let second = try await self.admin(server)
            _ = try await admin.call(RedisPipeline("CONFIG", "SET", option, value))
            let refusals = Notes<TransportError>()
            let isFirst = Locked(true)
            let broker = broker(server)
            let consumer = try await connect {
                try await broker.makeConsumer(
                    ConsumerConfiguration(queues: ["q"], prefetch: 0), logger: Self.logger)
            } onRefusal: { error in
                refusals.add(error)
                if isFirst.withLock({ value in
                    defer { value = false }
                    return value
                }) {
                    _ = try await admin.call(RedisPipeline("CONFIG", "SET", option, usual))
                }
            }
            let refusal = try await refusals.next()
            #expect(refusal.code == .unavailable)
            #expect(refusal.message.contains(words), "\(refusal)")
            await consumer.close()
            await second.close()
        }
    }
}
