import CeleryIO
import CeleryTransport
import TestSupport
import Testing

@testable import CeleryRedis

@Suite(.timeLimit(.minutes(1))) struct ConsumerLinkTests {
    /// What a server with nothing in its queues answers.
    static func answer(_ command: [String]) -> ScriptedRedis.Answer {
        switch command[0] {
        case "PING": .bytes("+PONG\r\n")
        case "CLIENT": .bytes(command[1] == "ID" ? ":7\r\n" : "+OK\r\n")
        case "SCRIPT": .bytes("$1\r\nd\r\n")
        case "SUBSCRIBE": .bytes("*3\r\n+subscribe\r\n+c\r\n:1\r\n")
        case "EVALSHA" where command.contains("unacked_swift_turn:q"):
            // Nothing is there, and it is this one's turn to watch.
            .bytes("*6\r\n*0\r\n*0\r\n:1\r\n:1\r\n:1\r\n:0\r\n")
        case "EVALSHA", "HGETALL": .bytes("*0\r\n")
        case "EVAL": .bytes("*2\r\n$1\r\nx\r\n*0\r\n")
        default: .bytes(":0\r\n")
        }
    }

    /// A server with nothing in its queues, until it takes no more logins.
    static func server(
        _ isGone: @escaping @Sendable () -> Bool, _ commands: Notes<[String]>? = nil
    ) throws -> ScriptedRedis {
        try ScriptedRedis { command in
            commands?.add(command)
            if command[0] == "PING", isGone() { return .bytes("-LOADING Redis is loading the dataset in memory\r\n") }
            return answer(command)
        }
    }

    static func open(
        _ server: ScriptedRedis, lease: Duration = .seconds(60), goodbye: Duration = .seconds(3),
        log: LogLines = LogLines()
    ) async throws -> RedisConsumer {
        var address = try server.address
        address.goodbyeTimeout = goodbye
        return try await RedisConsumer.open(
            address, ConsumerConfiguration(queues: ["q"], prefetch: 0), options: .init(lease: lease),
            logger: log.logger)
    }

    /// What is held belongs to the consumer: however late the server comes back, it is renewed first, and what was
    /// finished meanwhile is acknowledged then.
    @Test func aLossThatLastsLongerThanTheLeaseChangesNothingOfWhatIsHeld() async throws {
        let isGone = Locked(false)
        let (commands, log) = (Notes<[String]>(), LogLines())
        let server = try Self.server({ isGone.withLock { $0 } }, commands)
        let consumer = try await Self.open(server, lease: .seconds(0.3), log: log)
        let receiving = Task { try await consumer.receive(upTo: 1) }
        consumer.held.add([(1, "q"), (2, "q")])
        let lastLogin = Notes<Void>()
        isGone.withLock { $0 = true }
        server.cut()
        _ = try await log.next("is lost")
        consumer.settle(DeliveryTag(1), .acknowledge)
        // Several leases later.
        _ = Deadlines.shared.add(.now + .seconds(1.5)) { lastLogin.add(()) }
        _ = try await lastLogin.next()
        // What runs is still ours, and to ask gives nothing away.
        #expect(consumer.holds(DeliveryTag(2)))
        isGone.withLock { $0 = false }
        _ = try await log.next("connected to Redis again")
        var sinceReturn: [[String]] = []
        while sinceReturn.last?.first != "HDEL" {
            let command = try await commands.next()
            if ["EVAL", "HDEL"].contains(command[0]) { sinceReturn.append(command) }
        }
        #expect(sinceReturn.last?.last == consumer.held.tag(1))
        #expect(sinceReturn.dropLast().last?.first == "EVAL")
        #expect(sinceReturn.dropLast().last?.last == consumer.held.tag(2))
        #expect(log.lines.count { $0.contains("LOADING") } == 1)
        receiving.cancel()
        await #expect(throws: CancellationError.self) { try await receiving.value }
        await consumer.close()
    }

    /// Others may have it already: it goes back, and starts once, wherever that is.
    @Test func whatWasNotRenewedForALeaseDoesNotStart() async throws {
        let isGone = Locked(false)
        let (commands, log) = (Notes<[String]>(), LogLines())
        let server = try Self.server({ isGone.withLock { $0 } }, commands)
        let consumer = try await Self.open(server, lease: .seconds(0.3), log: log)
        consumer.held.add([(1, "q"), (2, "q")])
        #expect(consumer.mayStart(DeliveryTag(1)))
        isGone.withLock { $0 = true }
        server.cut()
        _ = try await log.next("is lost")
        let isOver = Notes<Void>()
        _ = Deadlines.shared.add(.now + .seconds(0.5)) { isOver.add(()) }
        _ = try await isOver.next()
        #expect(!consumer.mayStart(DeliveryTag(1)))
        #expect(!consumer.holds(DeliveryTag(1)))
        #expect(consumer.holds(DeliveryTag(2)))
        isGone.withLock { $0 = false }
        await consumer.close()
    }

    @Test(arguments: ["-WRONGPASS invalid username-password pair", "-NOPERM no permissions", "-ERR whatever"])
    func aRefusalAfterTheFirstSuccessIsWaitedOut(refusal: String) async throws {
        let isGone = Locked(false)
        let log = LogLines()
        let server = try ScriptedRedis { command in
            command[0] == "AUTH" && isGone.withLock { $0 } ? .bytes(refusal + "\r\n") : Self.answer(command)
        }
        let consumer = try await RedisConsumer.open(
            RedisAddress("redis://:secret@127.0.0.1:\(server.port)/0"),
            ConsumerConfiguration(queues: ["q"], prefetch: 0), options: .init(), logger: log.logger)
        isGone.withLock { $0 = true }
        server.cut()
        _ = try await log.next("trying again", String(refusal.dropFirst()))
        isGone.withLock { $0 = false }
        _ = try await log.next("connected to Redis again")
        await consumer.close()
    }

    /// After a failover the old master only reads.
    @Test func aRefusalIsNotCalledALoss() async throws {
        let isReadOnly = Locked(false)
        let log = LogLines()
        let server = try ScriptedRedis { command in
            guard isReadOnly.withLock({ $0 }), command[0] == "EVALSHA" else { return Self.answer(command) }
            isReadOnly.withLock { $0 = false }
            return .bytes("-READONLY You can't write against a read only replica.\r\n")
        }
        let consumer = try await Self.open(server, log: log)
        isReadOnly.withLock { $0 = true }
        let receiving = Task { try await consumer.receive(upTo: 1) }
        _ = try await log.next(
            "Redis refuses to serve this worker, trying again", "refuses EVALSHA: READONLY You can't write")
        _ = try await log.next("connected to Redis again")
        #expect(log.lines.allSatisfy { !$0.contains("is lost") })
        receiving.cancel()
        _ = await receiving.result
        await consumer.close()
    }

    @Test func aReceiptCanBeCancelledDuringALoss() async throws {
        let isGone = Locked(false)
        let server = try Self.server { isGone.withLock { $0 } }
        let consumer = try await Self.open(server)
        isGone.withLock { $0 = true }
        server.cut()
        let receiving = Task { try await consumer.receive(upTo: 1) }
        receiving.cancel()
        await #expect(throws: CancellationError.self) { try await receiving.value }
        isGone.withLock { $0 = false }
        await consumer.close()
    }

    @Test func theEndIsShortWhenTheServerIsGone() async throws {
        let isGone = Locked(false)
        let server = try Self.server { isGone.withLock { $0 } }
        let consumer = try await Self.open(server, goodbye: .milliseconds(100))
        consumer.held.add([(1, "q"), (2, "q")])
        consumer.settle(DeliveryTag(1), .requeue)
        isGone.withLock { $0 = true }
        server.cut()
        let start = ContinuousClock.now
        await consumer.close()
        #expect(.now - start < .seconds(10))
    }

    @Test func theEndIsShortWhenTheServerDoesNotAnswer() async throws {
        let isSilent = Locked(false)
        let server = try ScriptedRedis { command in
            isSilent.withLock { $0 } ? .silence : Self.answer(command)
        }
        let consumer = try await Self.open(server, goodbye: .milliseconds(100))
        consumer.held.add([(1, "q"), (2, "q")])
        isSilent.withLock { $0 = true }
        consumer.settle(DeliveryTag(1), .requeue)
        consumer.settle(DeliveryTag(2), .acknowledge)
        let start = ContinuousClock.now
        await consumer.close()
        #expect(.now - start < .seconds(10))
    }

    /// `timeout 1` in Redis's configuration: each connection works, and dies when nothing is said for a second.
    @Test func manyShortLossesAreNotALongOne() async throws {
        let (commands, log) = (Notes<[String]>(), LogLines())
        let server = try ScriptedRedis { command in
            commands.add(command)
            return Self.answer(command)
        }
        let consumer = try await Self.open(server, log: log)
        let receiving = Task { try await consumer.receive(upTo: 1) }
        for _ in 0..<20 {
            // Works again: claims.
            while try await commands.next().first != "EXISTS" {}
            let start = ContinuousClock.now
            server.cut()
            while try await commands.next().first != "EXISTS" {}
            #expect(.now - start < .seconds(2))
        }
        #expect(log.lines.count { $0.hasPrefix("warning") } == 1)
        receiving.cancel()
        _ = await receiving.result
        await consumer.close()
    }
}
