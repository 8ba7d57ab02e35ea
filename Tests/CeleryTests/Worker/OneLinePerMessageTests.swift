import CeleryProtocol
import CeleryTransport
import Foundation
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import Celery

/// However much is wrong with a message and with what should follow it, the log has one short line of warning of it.
@Suite(.timeLimit(.minutes(1))) struct OneLinePerMessageTests {
    /// A message, and what has to stand in its line.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let envelope: Envelope
        let parts: [String]
    }

    static let long = String(repeating: "x\n", count: 5000)
    static let poison: JSONObject = ["task_id": "poison", "reply_to": .string(long)]
    static let link = SuccessorTests.signature("tasks.none", options: poison)
    static let bad = SuccessorTests.signature("tasks.none", options: ["eta": .string(long)])

    static func envelope(_ task: String, _ embed: JSONValue, headers: JSONObject = [:]) -> Envelope {
        var envelope = SuccessorTests.envelope(task, headers: headers, embed: embed)
        envelope.properties["reply_to"] = .string(long)
        return envelope
    }

    static let steps = JSONValue.array(
        (0..<1000).map { SuccessorTests.signature("tasks.none", id: "step-\($0)") })

    static let rows = [
        Row(
            testDescription: "a link, errbacks and a result that cannot be sent",
            envelope: envelope("tasks.good", ["callbacks": [link], "errbacks": [link, bad, link]]),
            parts: [
                "what follows it could not be sent", "errback=3 not sent", "unstored_result=not stored",
            ]),
        Row(
            testDescription: "a link that cannot be made, and nothing that says so can be sent",
            envelope: envelope("tasks.good", ["callbacks": [bad], "errbacks": [link, bad]]),
            parts: ["it has failed", "errback=2 not sent", "unstored_result=not stored"]),
        Row(
            testDescription: "a failure with a long text, of which nobody can be told",
            envelope: envelope("tasks.fail", ["chain": steps, "errbacks": [link]]),
            parts: ["raised unexpected: ValueError", "errback=not sent", "unstored_result=1001 not stored"]),
        Row(
            testDescription: "a next try that cannot be sent, nor anything else",
            envelope: envelope("tasks.again", ["errbacks": [link]]),
            parts: [
                "its next try could not be sent", "errback=not sent", "unstored_result=not stored",
                "refused_result=refused",
            ]),
        Row(
            testDescription: "a rejected task of which nobody can be told",
            envelope: envelope("tasks.reject", ["chain": steps, "errbacks": [bad]]),
            parts: [" rejected", "errback=not sent", "unstored_result=1001 not stored"]),
        Row(
            testDescription: "a task that has expired",
            envelope: envelope("tasks.good", [:], headers: ["expires": "2001-01-01T00:00:00"]),
            parts: ["its result is not stored", "celery.state=REVOKED"]),
        Row(
            testDescription: "a body that is refused",
            envelope: envelope(
                "tasks.good", ["callbacks": [["task": .string(long), "subtask_type": "x"]], "errbacks": [link, bad]],
                headers: ["id": .string(long)]),
            parts: [" refused: ", "errback=2 not sent", "unstored_result=not stored"]),
        Row(
            testDescription: "a task that nobody has",
            envelope: envelope(long, [:], headers: ["id": .string(long)]),
            parts: [" refused: it is not registered", "unstored_result=not stored"]),
        Row(
            testDescription: "headers that are refused",
            envelope: envelope("tasks.good", [:], headers: ["id": .string(long), "eta": .string(long)]),
            parts: [" refused: ", "unstored_result=not stored"]),
    ]

    /// Runs one message on a worker whose broker and backend take nothing that comes of it.
    ///
    /// - Returns: its warnings.
    func warnings(
        of envelope: Envelope, _ options: CeleryWorker.Options, until part: String,
        backend: FailingBackend = FailingBackend(takes: { _ in
            throw TransportError(.rejected, "no queue \(Self.long)")
        }), reportWait: Duration = .seconds(600), then body: () -> Void = {}
    ) async throws -> [String] {
        var broker = RecordingBroker()
        broker.takes = { _ in throw TransportError(.rejected, "the text \(Self.long) is too long") }
        broker.memory.push(envelope.bytes, to: "celery")
        let log = LogLines(.trace)
        let engine = try WorkerEngine(
            broker: broker, backend: backend, queues: ["celery"], options: options, routing: .init(),
            handlers: [
                TaskHandler(named: "tasks.good") { _, _, _ in 3 },
                TaskHandler(named: "tasks.fail") { _, _, _ in
                    throw TaskFailure(type: "ValueError", message: Self.long)
                },
                TaskHandler(named: "tasks.again") { _, _, _ in throw Retry(after: .zero) },
                TaskHandler(named: "tasks.reject") { _, _, _ in throw Reject(reason: Self.long) },
            ], reportWait: reportWait, logger: log.logger)
        let services = ServiceGroup(configuration: .init(services: [.init(service: engine)], logger: Bench.logger))
        let running = Task { try await services.run() }
        _ = try await log.next(part)
        body()
        await services.triggerGracefulShutdown()
        try await running.value
        return log.lines.filter { $0.hasPrefix("error:") || $0.hasPrefix("warning:") }
    }

    @Test(arguments: rows, [false, true])
    func allThatIsWrongIsInOneLine(row: Row, acksLate: Bool) async throws {
        let options = CeleryWorker.Options(concurrency: 1, acksLate: acksLate)
        let lines = try await warnings(of: row.envelope, options, until: row.parts[0])
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        for part in row.parts { #expect(line.contains(part), "\(line)") }
        // What the message says stands in the metadata too, for those who read that; the console shows it once.
        let message = try #require(line.range(of: " celery.")).lowerBound
        #expect(line[..<message].utf8.count < 480, "\(line)")
        #expect(line[message...].utf8.count < 575, "\(line)")
    }

    @Test func theStateStartedIsInItToo() async throws {
        let options = CeleryWorker.Options(concurrency: 1, trackStarted: true)
        let envelope = Self.envelope("tasks.good", [:])
        let lines = try await warnings(of: envelope, options, until: "its result is not stored")
        #expect(lines.count == 1)
        #expect(lines.first?.contains("celery.state=STARTED") == true)
        #expect(lines.first?.contains("count=2") == true)
    }

    @Test func aFailureIsSaidThoughWhatFollowsIsWaitedFor() async throws {
        let gate = Gate()
        let backend = FailingBackend(takes: { _ in await gate.passUncancelled() })
        let lines = try await warnings(
            of: Self.envelope("tasks.fail", [:]), .init(concurrency: 1), until: "raised unexpected", backend: backend,
            reportWait: .milliseconds(1)
        ) { gate.open() }
        #expect(lines.count == 1)
        #expect(lines.first?.contains("ValueError('x") == true)
    }
}
