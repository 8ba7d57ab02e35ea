import CeleryProtocol
import CeleryTransport
import Logging
import TestSupport
import Testing

@testable import Celery

/// Whatever a message, a peer or a server says, a line of the log stays one, and a short one.
@Suite(.timeLimit(.minutes(1))) struct LineLogHandlerTests {
    static let hostile = "said\n\u{1b}[2J\u{202e}\u{2028}" + String(repeating: "x", count: 100_000)

    func expectFit(_ lines: [String], _ location: SourceLocation = #_sourceLocation) {
        #expect(!lines.isEmpty, sourceLocation: location)
        for line in lines {
            #expect(line.utf8.count < 2000, sourceLocation: location)
            #expect(
                !line.unicodeScalars.contains { ["\n", "\u{1b}", "\u{202e}", "\u{2028}"].contains($0) },
                sourceLocation: location)
        }
    }

    @Test func everyKindOfMetadataIsMadeFit() {
        let log = LogLines(.trace)
        let logger = log.logger.ofTheLibrary
        let long = Self.hostile
        logger.error("a", metadata: ["error": "\(long)"])
        logger.error("b", metadata: ["error": .stringConvertible(long), "plain": "as it is"])
        logger.error("c", metadata: ["error": ["\(long)"]])
        logger.error("d", metadata: ["error": ["key": "\(long)"]])
        expectFit(log.lines)
        #expect(log.lines.count == 4)
        #expect(log.lines[1].contains("plain=as it is"))
        #expect(log.lines[0].contains(" more)"))
    }

    @Test func whatIsFitAlreadyStaysAsItIs() {
        let log = LogLines(.trace)
        let text = "\(LogText(Self.hostile))"
        log.logger.ofTheLibrary.error("a", metadata: ["error": "\(text)"])
        #expect(log.lines == ["error: a error=\(text)"])
    }

    @Test func theLinesOfAWorkerAreFitAndThoseOfItsTasksAreTheirOwn() async throws {
        let log = LogLines(.trace)
        let broker = RecordingBroker()
        try await withBench(broker: broker, options: .init(concurrency: 1, acksLate: true), logger: log.logger) {
            TaskHandler(named: "tasks.fail") { context, _, _ in
                context.logger.info("mine", metadata: ["text": "two\nlines"])
                throw TaskFailure(type: Self.hostile, message: Self.hostile, traceback: Self.hostile)
            }
        } _: { bench async throws in
            // The connection is lost, and the new one refused, with the server's words.
            for _ in 0..<2 { broker.failures.add(TransportError(.connectionLost, Self.hostile)) }
            let errback: JSONValue = ["task": .string(Self.hostile), "options": ["countdown": .string(Self.hostile)]]
            let envelope = Envelope(
                headers: ["task": "tasks.fail", "id": .string(Self.hostile)],
                body: [[], [:], ["errbacks": .array(Array(repeating: errback, count: 3))]])
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
        }
        let mine = log.lines.filter { $0.contains("mine") }
        #expect(mine.count == 1)
        #expect(mine[0].contains("text=two\nlines"))
        expectFit(log.lines.filter { !$0.contains("mine") })
        #expect(log.lines.contains { $0.contains("raised unexpected") })
    }
}
