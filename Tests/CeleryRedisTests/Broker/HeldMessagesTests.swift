import CeleryIO
import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct HeldMessagesTests {
    final class Checks: Sendable {
        private let counter = Locked(0)
        func add() { counter.withLock { $0 += 1 } }
        var count: Int { counter.withLock { $0 } }
    }

    let checks = Checks()
    let held: HeldMessages

    init() {
        held = HeldMessages(
            keys: KombuKeys(), tagPrefix: "t:", renewalInterval: .seconds(20), checkInterval: .seconds(10),
            logger: RedisConnectionTests.logger, leaseScore: { 1000.5 }, onCheckDue: { [checks] in checks.add() })
    }

    func commands(after delay: Duration, isWriting: Bool = false) -> String? {
        held.commands(at: .now + delay, isWriting: isWriting).map(text)
    }

    /// The arguments only, separated by blanks.
    func text(_ errand: RedisConnection.Errand) -> String {
        String(decoding: errand.pipeline.bytes, as: UTF8.self).replacing(RedisScript.renew.source, with: "renew")
            .split(separator: "\r\n").filter { !$0.hasPrefix("*") && !$0.hasPrefix("$") }.joined(separator: " ")
    }

    @Test func acknowledgementsWaitForOthersAndGoTogether() {
        held.add([(1, "q"), (2, "q"), (3, "q")])
        #expect(held.acknowledge(1))
        #expect(!held.acknowledge(2))
        #expect(
            commands(after: .seconds(1)) == "HDEL unacked t:1 t:2 ZREM unacked_index t:1 t:2")
        #expect(commands(after: .seconds(1)) == nil)
        #expect(held.acknowledge(3))
    }

    @Test func anAcknowledgementJoinsWhatIsWrittenAnyway() {
        held.add([(1, "q")])
        _ = held.acknowledge(1)
        #expect(held.commands(at: .now - .seconds(1), isWriting: false) == nil)
        #expect(held.commands(at: .now - .seconds(1), isWriting: true) != nil)
    }

    @Test func whatIsNotHeldIsNotAcknowledged() {
        held.add([(1, "q")])
        #expect(!held.acknowledge(7))
        _ = held.acknowledge(1)
        #expect(!held.acknowledge(1))
        #expect(commands(after: .seconds(1)) == "HDEL unacked t:1 ZREM unacked_index t:1")
    }

    @Test func leasesAreRenewedInTimeAndOnlyOfWhatIsHeld() {
        held.add([(1, "q"), (2, "q")])
        #expect(commands(after: .seconds(19)) == nil)
        _ = held.remove(1)
        #expect(commands(after: .seconds(21)) == "EVAL renew 1 unacked_index 1000.5 t:2")
        #expect(commands(after: .seconds(22)) == nil)
        #expect(commands(after: .seconds(42)) == "EVAL renew 1 unacked_index 1000.5 t:2")
        _ = held.remove(2)
        #expect(commands(after: .seconds(99)) == nil)
        #expect(held.nextDeadline == nil)
    }

    @Test func aParkedMessageGetsItsScoreAndIsNoLongerHeld() {
        held.add([(1, "q")])
        #expect(held.park(1, score: 77, for: .seconds(5)))
        #expect(!held.park(1, score: 77, for: .seconds(5)))
        #expect(commands(after: .zero) == "EVAL renew 1 unacked_index 77.0 t:1")
        #expect(commands(after: .seconds(60)) == nil)
        #expect(held.removeAll().isEmpty)
    }

    @Test func checksComeAtTheirTimesAndForParkedMessages() throws {
        held.startChecking()
        _ = commands(after: .zero)
        #expect(checks.count == 1)
        _ = commands(after: .seconds(9))
        #expect(checks.count == 1)
        held.add([(1, "q")])
        _ = held.park(1, score: 1, for: .seconds(2))
        #expect(try #require(held.nextDeadline) <= .now + .seconds(2))
        _ = commands(after: .seconds(3))
        #expect(checks.count == 2)
    }

    @Test func whatIsRefusedIsSaidAgainLater() throws {
        held.add([(1, "q"), (2, "q"), (3, "q")])
        _ = held.acknowledge(1)
        _ = held.park(2, score: 77, for: .seconds(5))
        let first = try #require(held.commands(at: .now + .seconds(1), isWriting: false))
        first.completion(.success([.integer(1), .error("OOM command not allowed"), .integer(0)]))
        // Not with every write, but later.
        #expect(commands(after: .zero, isWriting: true) == nil)
        #expect(held.nextDeadline != nil)
        let second = try #require(held.commands(at: .now + .seconds(1), isWriting: false))
        #expect(text(second) == "HDEL unacked t:1 ZREM unacked_index t:1 EVAL renew 1 unacked_index 77.0 t:2")
        second.completion(.success([.integer(1), .integer(1), .integer(0)]))
        #expect(commands(after: .seconds(10)) == nil)
    }

    @Test func aRefusedRenewalIsMadeSoonAgain() throws {
        held.add([(1, "q")])
        let first = try #require(held.commands(at: .now + .seconds(21), isWriting: false))
        first.completion(.success([.error("MISCONF disk")]))
        #expect(try #require(held.nextDeadline) < .now + .seconds(1))
    }

    @Test func whatALostConnectionDidNotSayIsSaidOnTheNext() throws {
        held.add([(1, "q"), (2, "q")])
        _ = held.acknowledge(1)
        let errand = try #require(held.commands(at: .now + .seconds(1), isWriting: false))
        errand.completion(.failure(TransportError(.connectionLost, "gone")))
        #expect(commands(after: .seconds(1)) == nil)
        held.startAgain()
        #expect(
            commands(after: .zero) == "HDEL unacked t:1 ZREM unacked_index t:1 EVAL renew 1 unacked_index 1000.5 t:2")
    }

    @Test func afterTheEndThereIsNoDeadline() {
        held.startChecking()
        held.add([(1, "q")])
        #expect(held.nextDeadline != nil)
        held.close()
        #expect(held.nextDeadline == nil)
    }
}
