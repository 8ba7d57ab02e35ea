import CeleryTransport
import Testing

@testable import Celery

@Suite(.timeLimit(.minutes(1))) struct PoisonRecordTests {
    private static let loss = TransportError(.connectionLost, "gone")
    private static let outage = TransportError(.unreachable, "nobody there")

    /// After how many failures of a kind something is given up; `nil` for never.
    private func end(_ error: TransportError, haveOthersPassed: Bool) -> Int? {
        var test = PoisonRecord()
        return (1...1000).first { _ in test.failed(error, haveOthersPassed: haveOthersPassed) }
    }

    @Test func whatFailsAgainAndAgainWhileOthersPassIsGivenUp() {
        #expect(end(Self.outage, haveOthersPassed: true) == 5)
        #expect(end(Self.loss, haveOthersPassed: true) == 5)
    }

    @Test func aConnectionThatIsLostWithItEachTimeIsItsFault() {
        #expect(end(Self.loss, haveOthersPassed: false) == 12)
    }

    @Test func aServerOutOfReachIsNobodysFault() {
        #expect(end(Self.outage, haveOthersPassed: false) == nil)
    }

    @Test func theVerdictDoesNotPass() {
        var test = PoisonRecord()
        _ = test.failed(Self.loss, haveOthersPassed: true)
        #expect(!RetryBudget.mayPass(test.finalError(Self.loss)))
        #expect(test.finalError(Self.loss).message.contains("gone"))
    }
}
