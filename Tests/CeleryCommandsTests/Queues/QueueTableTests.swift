import CeleryProtocol
import CeleryTransport
import Foundation
import Testing

@testable import CeleryCommands

@Suite struct QueueTableTests {
    private let now = Date(timeIntervalSince1970: 1_800_000_000)

    private func report(_ name: String, _ change: (inout QueueReport) -> Void) -> QueueReport {
        var report = QueueReport(name)
        change(&report)
        return report
    }

    @Test func whatIsNotKnownIsADash() {
        let reports = [
            report("a") { ($0.waiting, $0.consumers) = (3, 0) }, report("gone") { _ in },
        ]
        #expect(
            QueueTable(reports, now: now).lines == [
                "QUEUE  WAITING  HELD  CONSUMERS  OLDEST", "a            3     -          0       -",
                "gone    absent     -          -       -",
            ])
        #expect(reports[0].isStuck && !reports[1].isStuck)
    }

    @Test func stepsAreShownWhereSomeAreUsed() {
        let full = report("a") {
            ($0.waiting, $0.held, $0.oldest) = (3, 1, now - 125)
            $0.steps = [.init(priority: 0, waiting: 1), .init(priority: 9, waiting: 2)]
        }
        #expect(QueueTable([full], now: now).lines.last == "a            3     1          -  2 min 5 s  0:1 9:2")
        #expect(full.json.objectValue?["priorities"] == ["0": 1, "9": 2])
        #expect(full.json.objectValue?["oldest"] == "2027-01-15T07:57:55Z")
    }

    @Test(arguments: [("reply.celery.pidbox", true), ("celery.pidbox", true), ("celeryev", true), ("shop", false)])
    func queuesOfControlAreNone(exchange: String, isOfControl: Bool) {
        #expect(QueueLook.isOfControl(QueueBinding(queue: "q", exchange: exchange, routingKey: "")) == isOfControl)
    }
}
