import ArgumentParser
import Celery
import Logging
import TestSupport
import Testing

@testable import CeleryCommands

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The console is there when a program has brought no log of its own.
@Suite struct ConsoleOptionsTests {
    static let standard = Logger(label: "x") { StreamLogHandler.standardError(label: $0) }

    @Test func whereNothingWasBootstrappedThereIsTheConsole() throws {
        let console = try ConsoleOptions.parse([]).console(own: nil, bootstrapped: Self.standard)
        #expect(console.logger.handler is ConsoleLogHandler)
        #expect(console.logger.logLevel == .info)
        #expect(console.bannerStyle != nil)
    }

    @Test func aLogForMachinesHasNoBanner() throws {
        let console = try ConsoleOptions.parse(["--log-format", "json", "-l", "debug"])
            .console(own: nil, bootstrapped: Self.standard)
        #expect(console.logger.handler is JSONLogHandler)
        #expect(console.logger.logLevel == .debug)
        #expect(console.bannerStyle == nil)
    }

    static let own = LogLines(.error).logger

    @Test(arguments: [(own, standard), (own, own), (nil, own)])
    func aLoggerOfTheProgramsOwnWinsAndKeepsItsLevel(passed: Logger?, bootstrapped: Logger) throws {
        for arguments in [[], ["--log-format", "json"]] {
            let console = try ConsoleOptions.parse(arguments).console(own: passed, bootstrapped: bootstrapped)
            #expect(type(of: console.logger.handler) == type(of: Self.own.handler))
            #expect(console.logger.logLevel == .error)
            #expect(console.bannerStyle == nil)
        }
        let console = try ConsoleOptions.parse(["-l", "INFO"]).console(own: passed, bootstrapped: bootstrapped)
        #expect(console.logger.logLevel == .info)
    }

    @Test func whatALoggerOfTheProgramsOwnDoesNotObeyIsNamed() throws {
        let log = LogLines()
        _ = try ConsoleOptions.parse(["-C", "--log-format", "json", "-l", "info"])
            .console(own: log.logger, bootstrapped: Self.standard)
        _ = try ConsoleOptions.parse(["-q"]).console(own: nil, bootstrapped: log.logger)
        #expect(
            log.lines == [
                "notice: options that change nothing, because the program has a log of its own "
                    + "options=--log-format --no-color"
            ])
    }

    @Test func aStreamLogHandlerInWhichSomethingWasSetIsTheProgramsOwn() throws {
        var (quiet, labelled) = (Self.standard, Self.standard)
        quiet.logLevel = .warning
        labelled[metadataKey: "service"] = "images"
        for bootstrapped in [quiet, labelled] {
            let console = try ConsoleOptions.parse([]).console(own: nil, bootstrapped: bootstrapped)
            #expect(console.logger.handler is StreamLogHandler)
        }
    }

    @Test func aFormatThatDoesNotExistIsRefused() {
        #expect(throws: (any Error).self) { try ConsoleOptions.parse(["--log-format", "xml"]) }
    }

    /// A worker that bootstraps a log when it is made, as a program's own may.
    struct Bootstrapping: CeleryWorkerCommand {
        init() {
            LoggingSystem.bootstrap { _ in ExitingHandler() }
        }

        var handlers: [TaskHandler] { TaskHandler(named: "tasks.nothing") { _, _, _ in nil } }
    }

    /// Ends the process when a broker is out of reach.
    struct ExitingHandler: LogHandler {
        var logLevel = Logger.Level.warning
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            if "\(event.message)".contains("out of reach") { exit(7) }
        }
    }

    @Test func whatAWorkerBootstrapsWhenItIsMadeIsItsLog() async {
        await #expect(processExitsWith: .exitCode(7)) {
            // Nobody listens there.
            let arguments = try WorkerArguments.parse(["-b", "redis://127.0.0.1:1/0"])
            try await arguments.run(Bootstrapping())
        }
    }
}
