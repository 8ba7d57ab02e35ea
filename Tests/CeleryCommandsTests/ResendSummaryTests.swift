import CeleryTesting
import CeleryTransport
import Testing

@testable import CeleryCommands

@Suite struct ResendSummaryTests {
    private func summary(of count: Int, _ change: (inout ResendReport) -> Void) -> ResendSummary {
        var report = ResendReport()
        change(&report)
        return ResendSummary((0..<count).map { Fixture(name: "pay#\($0)", envelope: []) }, report)
    }

    @Test func allThatWereSentAreCounted() {
        let summary = summary(of: 3) { $0.tried = 3 }
        #expect(summary.sent == "3 messages sent" && summary.failures.isEmpty && !summary.isFailed)
    }

    @Test func whatWasNotSentIsNamedInOrder() {
        let summary = summary(of: 3) { report in
            report.tried = 3
            for position in [2, 0] { report.failures[position] = TransportError(.rejected, "too large") }
        }
        #expect(summary.sent == "1 of 3 messages sent" && summary.isFailed)
        #expect(summary.failures == ["pay#0 was not sent: too large", "pay#2 was not sent: too large"])
    }

    @Test func neighboursWithTheSameReasonShareALine() {
        let summary = summary(of: 6) { report in
            report.tried = 6
            for position in [0, 1, 2, 4] { report.failures[position] = TransportError(.rejected, "too large") }
            report.failures[5] = TransportError(.rejected, "no queue")
        }
        #expect(
            summary.failures == [
                "3 messages from pay#0 to pay#2 were not sent: too large", "pay#4 was not sent: too large",
                "pay#5 was not sent: no queue",
            ])
    }

    @Test func anEndMidwayLeavesNoMessageUnsaid() {
        let summary = summary(of: 10) { report in
            report.tried = 7
            report.failures[1] = TransportError(.rejected, "too large")
            report.unknown = [5, 6]
            report.end = TransportError(.connectionLost, "the server closed it")
        }
        #expect(summary.sent == "4 of 10 messages sent")
        #expect(
            summary.failures == [
                "pay#1 was not sent: too large", "ended too early: the server closed it",
                "nothing is known of 2 messages from pay#5 to pay#6: they may be there or not",
                "from pay#7 on nothing was sent",
            ])
    }

    @Test func anInterruptionIsNoError() {
        let summary = summary(of: 2) { report in
            report.tried = 1
            report.end = CancellationError()
        }
        #expect(summary.sent == "1 of 2 messages sent")
        #expect(summary.failures == ["interrupted", "from pay#1 on nothing was sent"])
    }
}
