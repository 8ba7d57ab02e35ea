import CeleryIO
import Logging
import TestSupport
import Testing

@testable import CeleryCommands

/// A log for people has the time, the level and the message, and nothing twice.
@Suite struct ConsoleLogHandlerTests {
    /// What is written of a line, without the time.
    static func line(
        isColored: Bool = false, metadata: Logger.Metadata = [:], level: Logger.Level = .info, _ message: String,
        _ own: Logger.Metadata? = nil
    ) -> String {
        let written = Locked("")
        let output = LogOutput { text in written.withLock { $0 += text } }
        let style = TerminalStyle(noColor: !isColored, isTerminal: true) { $0 == "TERM" ? "xterm" : nil }
        let handler = ConsoleLogHandler(style: style, output: output)
        var logger = Logger(label: "test") { _ in handler }
        logger.logLevel = .trace
        for (key, value) in metadata { logger[metadataKey: key] = value }
        logger.log(level: level, "\(message)", metadata: own)
        // "[2026-11-26 10:00:00,123: "
        return String(written.withLock { $0 }.dropFirst(26))
    }

    static let task: Logger.Metadata = [
        "celery.task.id": "the-id", "celery.task.name": "tasks.add", "celery.worker": "celery@host",
    ]

    @Test func aLineOfTheLibraryRepeatsNothingThatItSays() {
        let metadata = Self.task.merging(["celery.task.runtime": .stringConvertible(0.0088)]) { $1 }
        #expect(
            Self.line("Task tasks.add[the-id] succeeded in 8.8 ms: 3", metadata)
                == "INFO] Task tasks.add[the-id] succeeded in 8.8 ms: 3\n")
        #expect(
            Self.line(
                level: .error, "Task tasks.add[the-id] raised unexpected: ValueError('no')",
                metadata.merging(["error": "ValueError('no')", "errback": "3 not sent"]) { $1 })
                == "ERROR] Task tasks.add[the-id] raised unexpected: ValueError('no') (errback=3 not sent)\n")
    }

    @Test func aLineOfAHandlersOwnIsToldWhichTaskItIsOf() {
        #expect(
            Self.line(metadata: Self.task, level: .notice, "resized", ["width": "200"])
                == "NOTICE] tasks.add[the-id]: resized (width=200)\n")
    }

    @Test func aReasonStandsBehindTheMessage() {
        #expect(
            Self.line(level: .warning, "the connection is lost", ["error": "reset", "celery.count": "2"])
                == "WARNING] the connection is lost: reset (count=2)\n")
        #expect(
            Self.line("ready: redis://a/0", ["celery.broker": "redis://a/0"]) == "INFO] ready: redis://a/0\n")
    }

    @Test func noTextMovesTheCursor() {
        #expect(
            Self.line("two\nlines\u{1b}[2J", ["a": "b\nc\u{202e}"])
                == #"INFO] two\#nlines\x1b[2J (a='b\nc\u202e')"# + "\n")
    }

    @Test(arguments: [
        ("succeeded in 1 s: 3", Logger.Level.info, "INFO", "\u{1b}[32msucceeded\u{1b}[0m in 1 s: 3"),
        ("raised unexpected: X()", .error, "\u{1b}[31mERROR\u{1b}[0m", "\u{1b}[31mraised unexpected\u{1b}[0m: X()"),
        ("received", .info, "INFO", "received"),
    ])
    func onATerminalTheOutcomeHasAColour(text: String, level: Logger.Level, name: String, shown: String) {
        #expect(
            // The colour of the level begins where the text does.
            Self.line(isColored: true, level: level, "Task tasks.add[the-id] \(text)", Self.task)
                == "\(name)] Task \u{1b}[1mtasks.add\u{1b}[0m\u{1b}[2m[the-id]\u{1b}[0m \(shown)\n")
    }

    @Test func aProvidersPairsAreShownToo() {
        let written = Locked("")
        var handler = ConsoleLogHandler(
            style: TerminalStyle(noColor: true, isTerminal: false),
            output: LogOutput { text in written.withLock { $0 += text } }, now: { LogTime(seconds: 0, milliseconds: 5) }
        )
        handler.metadataProvider = Logger.MetadataProvider { ["trace": "1"] }
        Logger(label: "test") { _ in handler }.info("a", metadata: ["b": "2"])
        #expect(written.withLock { $0 }.hasSuffix(":00,005: INFO] a (b=2, trace=1)\n"))
    }
}
