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

    @Test(arguments: ["", "first", "first x", "last 1", "first 1 2", "claim 99999999999999999999"])
    func anOrderThatCannotBeReadIsNone(text: String) {
        #expect(WatchTurn.Order(text) == nil)
    }

    @Test func anOrderIsReadAsTheScriptWritesIt() {
        #expect(WatchTurn.Order("claim 7") == .init(role: .first, mustClaim: true, number: 7))
        #expect(WatchTurn.Order("second 1795691869771865")?.role == .second)
    }
}
