import CeleryIO
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
            leaseScore: { 1000.5 }, onCheckDue: { [checks] in checks.add() })
    }

    func commands(after delay: Duration, isWriting: Bool = false) -> String? {
        held.commands(at: .now + delay, isWriting: isWriting).map { pipeline in
            // The arguments only, separated by blanks.
            String(decoding: pipeline.bytes, as: UTF8.self).split(separator: "\r\n")
                .filter { !$0.hasPrefix("*") && !$0.hasPrefix("$") }.joined(separator: " ")
        }
    }

    @Test func acknowledgementsWaitForOthersAndGoTogether() {
        held.add([(1, "q"), (2, "q"), (3, "q")])
        #expect(held.acknowledge(1))
        #expect(!held.acknowledge(2))
        #expect(
            commands(after: .seconds(1)) == "MULTI ZREM unacked_index t:1 t:2 HDEL unacked t:1 t:2 EXEC")
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
        #expect(commands(after: .seconds(1)) == "MULTI ZREM unacked_index t:1 HDEL unacked t:1 EXEC")
    }

    @Test func leasesAreRenewedInTimeAndOnlyOfWhatIsHeld() {
        held.add([(1, "q"), (2, "q")])
        #expect(commands(after: .seconds(19)) == nil)
        _ = held.remove(1)
        #expect(commands(after: .seconds(21)) == "ZADD unacked_index XX 1000.5 t:2")
        #expect(commands(after: .seconds(22)) == nil)
        #expect(commands(after: .seconds(42)) == "ZADD unacked_index XX 1000.5 t:2")
        _ = held.remove(2)
        #expect(commands(after: .seconds(99)) == nil)
        #expect(held.nextDeadline == nil)
    }

    @Test func aParkedMessageGetsItsScoreAndIsNoLongerHeld() {
        held.add([(1, "q")])
        #expect(held.park(1, score: 77, for: .seconds(5)))
        #expect(!held.park(1, score: 77, for: .seconds(5)))
        #expect(commands(after: .zero) == "ZADD unacked_index XX 77.0 t:1")
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

    @Test func afterTheEndThereIsNoDeadline() {
        held.startChecking()
        held.add([(1, "q")])
        #expect(held.nextDeadline != nil)
        held.close()
        #expect(held.nextDeadline == nil)
    }
}
