import CeleryProtocol
import CeleryTransport
import Logging
import Testing

@testable import Celery

/// What one line says of one message.
@Suite struct ReportLineTests {
    static func problem(_ kind: FinishingProblem.Kind, _ reason: String, count: Int = 1) -> FinishingProblem {
        FinishingProblem(kind: kind, error: TransportError(.rejected, reason), count: count)
    }

    /// The metadata as `StreamLogHandler` writes it.
    static func shown(_ line: ReportLine) -> String {
        line.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    @Test func whatIsShortIsShownWhole() {
        let label = TaskLabel(id: "0123456789abcdef0123456789abcdef", name: "tasks.add")
        let ending = MessageReport.Ending(
            text: "raised unexpected", reason: TaskFailure(type: "ValueError", message: "boom"),
            details: ["celery.task.runtime": "1"])
        let problems = [Self.problem(.errback, "no such queue", count: 3), Self.problem(.refusedResult, "too large")]
        let line = ReportLine(label, ending, problems)
        #expect(line.level == .error)
        #expect(
            line.text
                == "Task tasks.add[0123456789abcdef0123456789abcdef] raised unexpected: ValueError('boom')")
        #expect(
            Self.shown(line) == """
                celery.task.id=0123456789abcdef0123456789abcdef celery.task.name=tasks.add celery.task.runtime=1 \
                errback=3 not sent: no such queue error=ValueError('boom') refused_result=refused: too large
                """)
    }

    @Test func withoutABadEndTheGravestProblemIsTheText() {
        let line = ReportLine(
            TaskLabel(id: "the-id", name: "tasks.add"), nil,
            [Self.problem(.errback, "no"), Self.problem(.successor, "gone", count: 2)])
        #expect(line.text == "Task tasks.add[the-id]: what follows it could not be sent: gone")
        #expect(
            Self.shown(line)
                == "celery.task.id=the-id celery.task.name=tasks.add count=2 errback=not sent: no error=gone")
    }

    @Test func aStateThatIsNotStoredIsNamedWithWhoseItIs() {
        var problem = Self.problem(.refusedResult, "too large")
        problem.state = .failure
        problem.resultID = "step"
        let line = ReportLine(TaskLabel(id: "the-id", name: "tasks.add"), nil, [problem])
        #expect(
            Self.shown(line)
                == "celery.state=FAILURE celery.task.id=the-id celery.task.name=tasks.add error=too large result=step")
    }

    static let texts = ["x", "\u{202E}", "ü", "\n", "a b "]

    @Test(arguments: texts, [1, 3, 6])
    func howeverMuchIsWrongTheLineStaysShort(text: String, kinds: Int) {
        let text = String(repeating: text, count: 100_000)
        let problems = (0..<kinds).compactMap(FinishingProblem.Kind.init).map { Self.problem($0, text, count: 1 << 20) }
        for ending in [nil, MessageReport.Ending(text: "failed", reason: TaskFailure(type: text, message: text))] {
            let line = ReportLine(TaskLabel(id: text, name: text), ending, problems)
            let shown = Self.shown(line)
            #expect(shown.utf8.count < 480, "\(shown)")
            #expect(line.text.utf8.count < 480, "\(line.text)")
            #expect(shown.contains("error=") && shown.contains("more)"))
            let others = line.metadata.values.filter { "\($0)".hasPrefix("1048576 ") }
            #expect(others.count == kinds - (ending == nil ? 1 : 0), "all of them are there")
        }
    }

    @Test func halfALineIsAboutHalfAsLong() {
        let text = String(repeating: "x", count: 1000)
        let label = TaskLabel(id: "0123456789abcdef0123456789abcdef", name: "tasks.add")
        let lengths = [ReportLine.limit, ReportLine.halfLimit].map { limit in
            Self.shown(ReportLine(label, nil, [Self.problem(.successor, text)], limit: limit)).utf8.count
        }
        #expect(lengths[0] < 360)
        #expect(lengths[1] < 210)
    }
}
