import CeleryIO
import CeleryTransport
import Foundation
import TestSupport
import Testing

@testable import CeleryRedis

/// Whatever a server answers to whatever it is asked: nothing traps, spins or hangs.
@Suite(.timeLimit(.minutes(2))) struct LyingServerTests {
    /// Replies of every type, the same ones for the same seed.
    struct Replies: Sendable {
        private var state: UInt64

        init(seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }

        private mutating func number(below limit: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(limit))
        }

        private static let simple = [
            "+OK", "-ERR no", "-NOSCRIPT No matching script", "-OOM command not allowed", "-WRONGTYPE Operation",
            "-NOPERM no permissions", "-BUSY Redis is busy", "-READONLY You can't write", "-", "+", ":0", ":1", ":-1",
            ":2", ":-9223372036854775808", ":9223372036854775807", "$-1", "$0\r\n", "$1\r\n0", "$3\r\nabc",
            "*-1", "*0", "$9\r\nalive 1 1", "$23\r\n" + #"[{"body": ""}, "", "q"]"#,
        ]

        mutating func next(depth: Int = 0) -> String {
            guard depth < 3, number(below: 3) == 0 else { return Self.simple[number(below: Self.simple.count)] }
            let count = [1, 2, 3, 6, 6, 6, 7, 8][number(below: 8)]
            return (["*\(count)"] + (0..<count).map { _ in next(depth: depth + 1) }).joined(separator: "\r\n")
        }
    }

    /// Whether it is a claim of no messages, as it is made once at the beginning.
    static func isTrial(_ command: [String]) -> Bool { command.count > 11 && command[2] == "8" && command[11] == "0" }

    static func answer(_ command: [String], _ replies: inout Replies) -> ScriptedRedis.Answer {
        switch command[0] {
        // It would not come to anything else.
        case "PING": .bytes("+PONG\r\n")
        case "SCRIPT": .bytes("$1\r\nd\r\n")
        case "SADD": .bytes(":1\r\n")
        case "HSET": .bytes(":1\r\n")
        case "EVALSHA" where isTrial(command): .bytes("*0\r\n")
        case "EVAL" where command[1].contains("gmatch"): .bytes("*0\r\n")
        default: .bytes(replies.next() + "\r\n")
        }
    }

    @Test func aConsumerSurvivesAnyAnswer() async throws {
        // They wait for the most part.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<8 { group.addTask { try await Self.letConsumerHear(seed: seed) } }
            try await group.waitForAll()
        }
    }

    private static func letConsumerHear(seed: Int) async throws {
        let replies = Locked(Replies(seed: seed))
        let count = Locked(0)
        let server = try ScriptedRedis { command in
            count.withLock { $0 += 1 }
            return replies.withLock { Self.answer(command, &$0) }
        }
        let consumer: RedisConsumer
        do {
            consumer = try await RedisConsumer.open(
                server.address, ConsumerConfiguration(queues: ["q"], prefetch: 0), options: .init(lease: .seconds(0.3)),
                logger: RedisConnectionTests.logger)
        } catch {
            #expect(error is TransportError)
            return
        }
        consumer.held.add((1...20).map { ($0, "q") })
        let settlements: [Settlement] = [.acknowledge, .requeue, .giveBack, .deadLetter(reason: "x"), .discard]
        for number in 1...20 {
            if number % 7 == 0 {
                _ = consumer.park(
                    DeliveryTag(UInt64(number)), until: Date(timeIntervalSince1970: 1e11), isUrgent: false)
            } else {
                consumer.settle(DeliveryTag(UInt64(number)), settlements[number % settlements.count])
            }
        }
        let receiving = Task {
            try await consumer.receive {
                5
            } _: { deliveries in
                for delivery in deliveries {
                    consumer.settle(delivery.tag, settlements[Int(delivery.tag.value % 5)])
                }
            }
        }
        let isOver = WakeSignal()
        _ = Deadlines.shared.add(.now + .seconds(1)) { isOver.signal() }
        try await isOver.wait()
        // A loop without a pause would ask tens of thousands of times.
        #expect(count.withLock { $0 } < 8000, "seed \(seed)")
        receiving.cancel()
        _ = await receiving.result
        let start = ContinuousClock.now
        await consumer.close()
        #expect(.now - start < .seconds(25), "seed \(seed)")
    }

    @Test func aServerThatForgetsItsScriptsAtOnceIsAskedInIntervalsAndALineSaysSo() async throws {
        let (log, calls) = (LogLines(), Notes<Void>())
        let count = Locked(0)
        let server = try ScriptedRedis { command in
            guard command[0] == "EVALSHA", !Self.isTrial(command) else { return ConsumerLinkTests.answer(command) }
            count.withLock { $0 += 1 }
            calls.add(())
            return .bytes("-NOSCRIPT No matching script. Please use EVAL.\r\n")
        }
        let consumer = try await ConsumerLinkTests.open(server, log: log)
        let receiving = Task { try await consumer.receive(upTo: 1) }
        _ = try await log.next("refuses to give messages", "forgets its scripts")
        let isOver = WakeSignal()
        _ = Deadlines.shared.add(.now + .seconds(1)) { isOver.signal() }
        try await isOver.wait()
        #expect(count.withLock { $0 } < 100)
        #expect(log.lines.count { $0.contains("refuses to give messages") } == 1)
        receiving.cancel()
        _ = await receiving.result
        await consumer.close()
    }

    /// Before anything else was found: whoever watches reads that there is something, and it is nothing to claim.
    @Test func aQueueThatIsNoListIsNotClaimedAgainAndAgain() async throws {
        let count = Locked(0)
        let server = try ScriptedRedis { command in
            switch command[0] {
            case "EVALSHA" where command.contains("unacked_swift_turn:q"):
                count.withLock { $0 += 1 }
                return .bytes("*6\r\n*0\r\n*1\r\n$1\r\nq\r\n:1\r\n:1\r\n:1\r\n:0\r\n")
            case "EXISTS": return .bytes(":1\r\n")
            default: return ConsumerLinkTests.answer(command)
            }
        }
        let consumer = try await ConsumerLinkTests.open(server)
        let receiving = Task { try await consumer.receive(upTo: 1) }
        let isOver = WakeSignal()
        _ = Deadlines.shared.add(.now + .seconds(1)) { isOver.signal() }
        try await isOver.wait()
        #expect(count.withLock { $0 } < 10)
        receiving.cancel()
        _ = await receiving.result
        await consumer.close()
    }
}
