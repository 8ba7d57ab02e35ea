import CeleryTransport
import Logging
import TestSupport
import Testing

@testable import Celery

/// When what has gone wrong with one message is said.
@Suite(.timeLimit(.minutes(1))) struct MessageReportTests {
    private let log = LogLines(.trace)

    private let deadlines = Deadlines()

    private func report(
        _ ending: MessageReport.Ending? = nil, wait: Duration = .milliseconds(1)
    ) -> MessageReport {
        MessageReport(
            TaskLabel(id: "the-id", name: "tasks.add"), ending, logger: log.logger, deadlines: deadlines, wait: wait)
    }

    @Test func allThatIsWrongIsOneLineAtTheEnd() {
        let report = report(MessageReport.Ending(text: "failed"), wait: .seconds(600))
        for _ in 0..<1000 { report.add(ReportLineTests.problem(.errback, "no")) }
        report.add(ReportLineTests.problem(.refusedResult, "too large"))
        #expect(log.lines.isEmpty)
        report.end()
        #expect(log.lines.count == 1)
        #expect(log.lines.first?.contains("errback=1000 not sent: no") == true)
        #expect(log.lines.first?.contains("refused_result=refused: too large") == true)
        #expect(deadlines.count == 0)
    }

    @Test func ofAMessageWithWhichNothingIsWrongNothingIsSaid() {
        report().end()
        #expect(log.lines.isEmpty)
    }

    @Test func whatTakesLongIsNotWaitedFor() async throws {
        let report = report(MessageReport.Ending(text: "failed"))
        _ = try await log.next("failed")
        report.add(ReportLineTests.problem(.errback, "no"))
        report.end()
        #expect(log.lines.count == 2)
        #expect(log.lines.last?.contains("its errback could not be told") == true)
        report.end()
        #expect(log.lines.count == 2)
    }

    @Test func whenTheWorkerEndsItIsSaidAtOnce() {
        let reports = (0..<10).map { _ in report(MessageReport.Ending(text: "failed"), wait: .seconds(600)) }
        deadlines.callAll()
        #expect(log.lines.count == 10)
        #expect(deadlines.count == 0)
        for report in reports { report.end() }
        #expect(log.lines.count == 10)
    }

    @Test func aProblemThatIsFoundOutLateIsSaidThoughTheRestTakesLong() async throws {
        let report = report()
        report.add(ReportLineTests.problem(.successor, "no"))
        _ = try await log.next("what follows it could not be sent")
        report.add(ReportLineTests.problem(.refusedResult, "no"))
        _ = try await log.next("its result is refused by the backend")
        report.end()
        #expect(log.lines.count == 2)
    }
}
