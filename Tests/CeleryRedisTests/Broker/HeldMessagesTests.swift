import CeleryIO
import CeleryTransport
import Logging
import TestSupport
import Testing

@testable import CeleryRedis

@Suite struct HeldMessagesTests {
    let held: HeldMessages
    let log = LogLines()

    init() {
        held = HeldMessages(
            keys: KombuKeys(), id: "t", lease: .seconds(60), logger: log.logger, time: { 1000.5 })
        var beginning = RedisPipeline()
        held.begin(in: &beginning)
        #expect(Self.text(beginning) == "HSET unacked_swift_workers t alive 1 60.0")
    }

    func commands(after delay: Duration, isWriting: Bool = false) -> String? {
        held.commands(at: .now + delay, isWriting: isWriting).map { Self.text($0.pipeline) }
    }

    /// The arguments only, separated by blanks.
    static func text(_ pipeline: RedisPipeline) -> String {
        var text = String(decoding: pipeline.bytes, as: UTF8.self)
        for script in [RedisScript.renew, .park] { text = text.replacing(script.source, with: "\(script)") }
        return text.split(separator: "\r\n").filter { !$0.hasPrefix("*") && !$0.hasPrefix("$") }
            .joined(separator: " ")
    }

    func renewal(_ sign: Int, _ tags: String...) -> String {
        (["EVAL renew 2 unacked_index unacked_swift_workers t alive \(sign) 60.0 1000.5"] + tags)
            .joined(separator: " ")
    }

    static let removal = "HDEL unacked t:1 ZREM unacked_index t:1"

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
        #expect(commands(after: .seconds(1)) == Self.removal)
    }

    @Test func leasesAreRenewedInTimeWithASignOfLifeAndOnlyOfWhatIsHeld() {
        held.add([(1, "q"), (2, "q")])
        #expect(commands(after: .seconds(19)) == nil)
        held.remove([1])
        #expect(commands(after: .seconds(21)) == renewal(2, "t:2"))
        #expect(commands(after: .seconds(22)) == nil)
        #expect(commands(after: .seconds(42)) == renewal(3, "t:2"))
        // The signs go on when nothing is held: others see by them that this one lives before it claims again.
        held.remove([2])
        #expect(commands(after: .seconds(99)) == renewal(4))
    }

    @Test(arguments: [(.seconds(6), 2), (.seconds(60), 20), (.seconds(3000), 20)] as [(Duration, Int)])
    func noPeerWithATimeoutOfAMinuteFindsWhatIsHeldOverdue(lease: Duration, seconds: Int) {
        let held = HeldMessages(keys: KombuKeys(), id: "t", lease: lease, logger: log.logger, time: { 1 })
        var beginning = RedisPipeline()
        held.begin(in: &beginning)
        let next = ContinuousClock.now.duration(to: held.nextDeadline ?? .now)
        #expect((.seconds(seconds) - .seconds(1)...(.seconds(seconds))).contains(next))
    }

    @Test func whatIsOnItsWayBackIsRenewedAndCannotBeSettledAgain() {
        held.add([(1, "q")])
        #expect(held.beginReturn(1) == "q")
        #expect(held.beginReturn(1) == nil)
        #expect(!held.acknowledge(1))
        #expect(!held.park(1, eta: 7, due: 5))
        #expect(held.holding(1) == .gone)
        #expect(commands(after: .seconds(21)) == renewal(2, "t:1"))
        held.remove([1])
        #expect(held.count == 0)
    }

    @Test func aParkedMessageHasItsEtaForAScoreAndIsNoLongerHeld() {
        held.add([(1, "q")])
        #expect(held.park(1, eta: 77, due: 47))
        #expect(!held.park(1, eta: 77, due: 47))
        #expect(commands(after: .zero) == "EVAL park 2 unacked_index unacked_swift_etas 77.0 47.0 t:1")
        #expect(commands(after: .seconds(15)) == nil)
        #expect(held.beginReturnOfAll().isEmpty)
    }

    @Test func whatIsRefusedIsSaidAgainLater() throws {
        held.add([(1, "q"), (2, "q"), (3, "q")])
        _ = held.acknowledge(1)
        _ = held.park(2, eta: 77, due: 47)
        let first = try #require(held.commands(at: .now + .seconds(1), isWriting: false))
        first.completion(.success([.integer(1), .error("OOM command not allowed"), .integer(0)]))
        // Not with every write, but later.
        #expect(commands(after: .zero, isWriting: true) == nil)
        #expect(held.nextDeadline != nil)
        let second = try #require(held.commands(at: .now + .seconds(1), isWriting: false))
        #expect(
            Self.text(second.pipeline)
                == Self.removal + " EVAL park 2 unacked_index unacked_swift_etas 77.0 47.0 t:2")
        second.completion(.success([.integer(0), .integer(1), .integer(0)]))
        #expect(commands(after: .seconds(10)) == nil)
        #expect(log.lines.count == 1)
    }

    @Test func aRefusedRenewalIsMadeSoonAgain() throws {
        held.add([(1, "q")])
        let first = try #require(held.commands(at: .now + .seconds(21), isWriting: false))
        first.completion(.success([.error("MISCONF disk")]))
        #expect(try #require(held.nextDeadline) < .now + .seconds(1))
    }

    @Test func whatALostConnectionDidNotSayIsSaidOnTheNextAfterTheRenewal() throws {
        held.add([(1, "q"), (2, "q")])
        _ = held.acknowledge(1)
        let command = try #require(held.commands(at: .now + .seconds(1), isWriting: false))
        command.completion(.failure(TransportError(.connectionLost, "gone")))
        held.startAgain()
        let again = try #require(held.commands(at: .now, isWriting: false))
        #expect(Self.text(again.pipeline) == renewal(2, "t:2") + " " + Self.removal)
        // It may have been heard the first time.
        again.completion(
            .success([.array([.bulk(Array("alive 1 60.0".utf8)), .array([])]), .integer(0), .integer(0)]))
        #expect(log.lines.isEmpty)
    }

    /// The next connection is there before all of the last one's callers have heard of its end.
    @Test func whatALostConnectionReportsLateIsSaidAllTheSame() throws {
        held.add([(1, "q")])
        _ = held.acknowledge(1)
        let command = try #require(held.commands(at: .now + .seconds(1), isWriting: false))
        held.startAgain()
        command.completion(.failure(TransportError(.connectionLost, "gone")))
        #expect(commands(after: .zero)?.hasSuffix(Self.removal) == true)
    }

    // MARK: What somebody else has restored

    @Test func whatIsNotFoundAtARenewalIsNotHeldAnyMore() throws {
        held.add([(1, "q"), (2, "q")])
        let renewal = try #require(held.commands(at: .now + .seconds(21), isWriting: false))
        let tags = Self.text(renewal.pipeline).split(separator: " ").suffix(2)
        let position = try #require(tags.firstIndex(of: "t:2")) - tags.startIndex + 1
        renewal.completion(.success([.array([.bulk(Array("alive 1 60.0".utf8)), .array([.integer(position)])])]))
        #expect(held.holding(1) == .held)
        #expect(held.holding(2) == .gone)
        #expect(log.lines.count == 1)
        #expect(log.lines.first?.contains("restored") == true)
    }

    @Test func whatAnEmptiedServerDoesNotHaveIsStillOurs() throws {
        held.add([(1, "q")])
        let renewal = try #require(held.commands(at: .now + .seconds(21), isWriting: false))
        renewal.completion(.success([.array([.null, .array([.integer(1)])])]))
        #expect(held.holding(1) == .held)
        // Renewed no more, and there is nothing to acknowledge.
        #expect(commands(after: .seconds(50)) == self.renewal(3))
        #expect(!held.acknowledge(1))
        #expect(commands(after: .seconds(51)) == nil)
    }

    @Test func anAcknowledgementThatFindsNothingIsLogged() throws {
        held.add([(1, "q"), (2, "q")])
        _ = held.acknowledge(1)
        _ = held.acknowledge(2)
        try #require(held.commands(at: .now + .seconds(1), isWriting: false))
            .completion(.success([.integer(1), .integer(2)]))
        #expect(log.lines.count == 1)
    }

    @Test(
        arguments: [
            [], [.integer(.min)], [.array([])],
            [.array([.null, .array([.integer(.min), .integer(0), .integer(.max)])])],
            [.array([.integer(1), .integer(2)])], [.null, .null, .null, .null],
        ] as [[RESPValue]])
    func answersThatLieChangeNothing(replies: [RESPValue]) throws {
        held.add([(1, "q"), (2, "q")])
        _ = held.acknowledge(1)
        try #require(held.commands(at: .now + .seconds(21), isWriting: false)).completion(.success(replies))
        #expect(held.holding(2) == .held)
    }

    @Test func whatWasNotRenewedForTheLeaseMustNotStart() throws {
        let held = HeldMessages(keys: KombuKeys(), id: "t", lease: .seconds(0.001), logger: log.logger, time: { 1 })
        held.add([(1, "q")])
        let start = ContinuousClock.now
        while ContinuousClock.now < start + .milliseconds(2) {}
        #expect(held.holding(1) == .doubtful)
        let renewal = try #require(held.commands(at: .now, isWriting: true) ?? later(held))
        renewal.completion(.success([.array([.bulk(Array("alive".utf8)), .array([])])]))
    }

    private func later(_ held: HeldMessages) -> PendingCommand? {
        held.startAgain()
        return held.commands(at: .now, isWriting: false)
    }

    @Test func manyRenewalsGoInBatchesAndAllAreLookedAt() throws {
        held.add((1...2500).map { ($0, "q") })
        let renewal = try #require(held.commands(at: .now + .seconds(21), isWriting: false))
        #expect(renewal.pipeline.count == 3)
        let before = RESPValue.bulk(Array("alive 1 60.0".utf8))
        renewal.completion(
            .success([
                .array([before, .array([.integer(1), .integer(1000), .integer(1001)])]), .array([before, .array([])]),
                .array([before, .array([.integer(500), .integer(501)])]),
            ]))
        #expect(held.count == 2497)
    }

    @Test func afterTheEndThereIsNoDeadline() {
        held.add([(1, "q")])
        #expect(held.nextDeadline != nil)
        held.close()
        #expect(held.nextDeadline == nil)
    }

    @Test func onlyWhoHoldsNothingEndsItsSigns() {
        held.add([(1, "q")])
        var end = RedisPipeline()
        held.end(in: &end)
        #expect(end.count == 0)
        held.remove([1])
        held.end(in: &end)
        #expect(Self.text(end) == "HDEL unacked_swift_workers t")
    }
}
