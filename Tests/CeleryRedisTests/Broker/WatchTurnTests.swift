import Testing

@testable import CeleryRedis

@Suite struct WatchTurnTests {
    var turn = WatchTurn()

    @Test mutating func onlyWhoHasARoleActsOnAPush() {
        #expect(turn.pushed() == .nothing)
        turn.claimed(.first, number: 1)
        #expect(turn.pushed() == .claim)
        turn.claimed(.second, number: 2)
        #expect(turn.pushed() == .claimLater)
        turn.claimed(.none, number: 3)
        #expect(turn.pushed() == .nothing)
    }

    @Test mutating func anOrderIsCarriedOut() {
        #expect(turn.hear(.init(role: .second, mustClaim: false, number: 1)) == .watch)
        #expect(turn.hear(.init(role: .first, mustClaim: false, number: 2)) == .watch)
        #expect(turn.role == .first)
        #expect(turn.hear(.init(role: .first, mustClaim: true, number: 3)) == .claim)
    }

    /// The order comes over another connection than the claim's answer.
    @Test mutating func anOrderThatComesBeforeAnOlderAnswerCounts() {
        #expect(turn.hear(.init(role: .first, mustClaim: false, number: 5)) == .watch)
        turn.claimed(.none, number: 4)
        #expect(turn.role == .first)
        turn.claimed(.none, number: 6)
        #expect(turn.hear(.init(role: .first, mustClaim: false, number: 5)) == .nothing)
        #expect(turn.role == .none)
    }

    /// Else the first would wait for an announcement that has been made already, and everybody else for the first.
    @Test mutating func aPushThatWasHeardAsTheSecondIsClaimedByTheFirst() {
        turn.claimed(.second, number: 1)
        turn.beginReading()
        #expect(turn.pushed() == .claimLater)
        turn.claimed(.first, number: 2)
        #expect(turn.read(isEmpty: true) == .claim)
        // After that only what is new counts.
        turn.beginReading()
        #expect(turn.read(isEmpty: true) == .nothing)
        #expect(turn.read(isEmpty: false) == .claim)
    }

    @Test mutating func aPushThatWasHeardInTheSameRoleIsClaimedOnce() {
        turn.claimed(.first, number: 1)
        turn.beginReading()
        #expect(turn.pushed() == .claim)
        #expect(turn.read(isEmpty: true) == .nothing)
    }

    @Test(arguments: ["", "first", "first x", "last 1", "first 1 2", "claim 99999999999999999999"])
    func anOrderThatCannotBeReadIsNone(text: String) {
        #expect(WatchTurn.Order(text) == nil)
    }

    @Test func anOrderIsReadAsTheScriptWritesIt() {
        #expect(WatchTurn.Order("claim 7") == .init(role: .first, mustClaim: true, number: 7))
        #expect(WatchTurn.Order("second 1795691869771865")?.role == .second)
    }

    /// A host with all workers but one is lost: who is left does not know that it is alone.
    @Test func whoWaitsAmongManyAsksWithinSeconds() {
        #expect([0, 1, 2, 5, 10].map(WatchTurn.patience(amongWaiting:)) == [2, 2, 2, 5, 10])
        #expect(WatchTurn.patience(amongWaiting: 300) == 10)
    }
}
