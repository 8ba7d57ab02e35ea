import Celery
import CeleryProtocol
import CeleryTransport
import Logging
import TestSupport
import Testing

/// What a worker's log says of messages that it does not run.
@Suite(.timeLimit(.minutes(1))) struct RefusalLogTests {
    /// The lines about refusals after one such message.
    func refusals(of envelope: Envelope) async throws -> [String] {
        let log = LogLines(.trace)
        return try await withBench(options: .init(concurrency: 1), logger: log.logger) {
            TaskHandler(named: "tasks.echo") { _, args, _ in .array(args) }
        } _: { bench async throws in
            guard case .deadLetter = try await bench.settlement(of: envelope.bytes) else {
                Issue.record("it is no dead letter")
                return []
            }
            return log.lines.filter { $0.contains("refused") }
        }
    }

    static let named: [(String, Envelope)] = [
        ("an eta of nonsense", Envelope(headers: ["task": "tasks.echo", "id": "the-id", "eta": "tomorrow"])),
        ("a body of nonsense", Envelope(headers: ["task": "tasks.echo", "id": "the-id"], text: "nonsense")),
        ("a task that nobody has", Envelope(headers: ["task": "tasks.unknown", "id": "the-id"])),
        (
            "protocol 1",
            Envelope(headers: [:], body: ["task": "tasks.echo", "id": "the-id", "args": [], "eta": "tomorrow"])
        ),
        (
            "a mixed message",
            Envelope(headers: ["task": "tasks.echo"], body: ["id": "the-id", "args": [], "timelimit": 5])
        ),
    ]

    @Test(arguments: named) func aRefusalIsOneLineWithTheTaskAndItsId(name: String, envelope: Envelope) async throws {
        let lines = try await refusals(of: envelope)
        #expect(lines.count == 1)
        #expect(lines.first?.contains("celery.task.id=the-id") == true)
        #expect(lines.first?.contains("celery.task.name=tasks.") == true)
    }

    static let broken: [(String, Envelope)] = [
        ("a name", Envelope(headers: ["task": "tasks\n.echo", "id": "the\nid"])),
        ("a name without an id", Envelope(headers: ["task": "tasks\n.echo"])),
        ("a name in protocol 1", Envelope(headers: [:], body: ["task": "tasks\u{2028}.echo", "args": []])),
        ("an id", Envelope(headers: ["task": "tasks.echo", "id": "the\r\nid", "eta": "\n"])),
        ("an id of a bad body", Envelope(headers: ["task": "tasks.echo", "id": "the\nid"], text: "\n")),
        ("a content type", Envelope(headers: ["task": "tasks.echo", "id": "the-id"], contentType: "a\nb")),
        ("a compression", Envelope(headers: ["task": "tasks.echo", "id": "the-id", "compression": "a\nb"])),
        ("a callback", Envelope(body: [[], [:], ["callbacks": [["task": "a\nb", "subtask_type": "x"]]]])),
    ]

    @Test(arguments: broken) func aTextOfSeveralLinesDoesNotBreakTheLine(name: String, envelope: Envelope) async throws
    {
        let lines = try await refusals(of: envelope)
        #expect(lines.count == 1)
        #expect(lines.first?.unicodeScalars.contains { ["\n", "\r", "\u{2028}"].contains($0) } == false)
    }

    @Test func anIdOfTwoLinesDoesNotBreakTheLinesOfATaskThatRuns() async throws {
        let log = LogLines(.trace)
        try await withBench(options: .init(concurrency: 1, acksLate: true), logger: log.logger) {
            TaskHandler(named: "tasks.echo") { context, args, _ in
                context.logger.info("at work")
                return .array(args)
            }
        } _: { bench async throws in
            let envelope = Envelope(headers: ["task": "tasks.echo", "id": "the\nid"])
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
        }
        let lines = log.lines.filter { $0.contains("celery.task.id=") }
        #expect(lines.count == 4)
        #expect(lines.allSatisfy { $0.contains(#"celery.task.id='the\nid'"#) && !$0.contains("\n") })
    }

    @Test func aVeryLongTextIsCut() async throws {
        let envelope = Envelope(headers: ["task": .string(String(repeating: "x", count: 100_000)), "id": "the-id"])
        let line = try #require(try await refusals(of: envelope).first)
        #expect(line.utf8.count < 1000)
    }
}
