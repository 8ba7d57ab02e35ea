internal import ArgumentParser
internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTesting
internal import Logging
internal import ServiceLifecycle

/// Runs a worker's handlers on captured messages, one after the other, and prints what became of each.
struct ReplayRun: Sendable {
    /// Runs among the worker's own services, such as the pool that its handlers need, and ends them.
    private final class Job: Service {
        private struct Count {
            var run = 0
            var failures = 0
        }

        private let replay: Replay
        private let fixtures: [Fixture]
        private let isRetrying: Bool
        private let output: @Sendable (String) -> Void
        private let count = Locked(Count())

        init(_ replay: Replay, _ fixtures: [Fixture], retrying: Bool, output: @escaping @Sendable (String) -> Void) {
            self.replay = replay
            self.fixtures = fixtures
            self.output = output
            isRetrying = retrying
        }

        var finished: Int { count.withLock { $0.run } }

        var hasFailures: Bool { count.withLock { $0.failures > 0 } }

        func run() async throws {
            for fixture in fixtures {
                try Task.checkCancellation()
                let recording = await replay.record(fixture, retrying: isRetrying)
                for line in ReplayRun.lines(fixture, recording) { output(line) }
                if Task.isCancelled, recording.outcome == .interrupted { throw CancellationError() }
                count.withLock { count in
                    count.run += 1
                    if !recording.outcome.isGood { count.failures += 1 }
                }
            }
        }
    }

    private let fixtures: [Fixture]
    private let isRetrying: Bool
    private let output: @Sendable (String) -> Void

    /// - Parameter output: gets the lines, each as soon as there is one.
    init(
        _ fixtures: [Fixture], retrying: Bool,
        output: @escaping @Sendable (String) -> Void = { LogOutput.standardOutput.write($0 + "\n") }
    ) {
        self.fixtures = fixtures
        self.output = output
        isRetrying = retrying
    }

    /// Runs them with the worker's middleware; what they send goes where its settings say. SIGINT and SIGTERM cancel the
    /// handler that runs, a second one ends the process.
    ///
    /// - Parameter configuration: the worker's settings, and what counts more.
    /// - Throws: `ExitCode` 1 when a task did not succeed, 128 and its number after a signal.
    func run(_ command: some CeleryWorkerCommand, _ configuration: CeleryConfiguration) async throws {
        var quiet = command.logger ?? Console.ofCommands
        var logger = quiet
        if command.logger == nil { logger.logLevel = .info }
        let replay = try Replay(
            routing: configuration.routing, defaultOptions: configuration.defaultOptions,
            middleware: command.middleware, logger: logger
        ) { command.handlers }
        let job = Job(replay, fixtures, retrying: isRetrying, output: output)
        quiet.logLevel = .warning
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: command.services.map { .init(service: $0) } + [
                    .init(service: job, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                logger: quiet))
        if let signal = try await SignalWatch.run({ try await services.run() }) {
            CommandErrors.note("interrupted: \(job.finished) of \(fixtures.count) messages were run")
            throw ExitCode(128 + signal)
        }
        if job.hasFailures { throw ExitCode.failure }
    }

    private static func lines(_ fixture: Fixture, _ recording: Recording) -> [String] {
        var lines = ["\(LogText(FixtureLine(fixture).label)) \(LogText(recording.outcome.words, limit: 2000))"]
        if !recording.retries.isEmpty { lines[0] += " after \(recording.retries.count + 1) tries" }
        for report in recording.reports {
            lines.append("  reports \(report.state.rawValue) \(LogText(PythonRepr.quoted(report.result)))")
        }
        for sent in recording.sent {
            let arguments = PythonRepr.saferepr(arguments: sent.arguments)
            let keywords = sent.keywords.isEmpty ? "" : " \(PythonRepr.saferepr(.object(sent.keywords)))"
            lines.append("  sends \(LogText("\(sent.name)\(arguments)\(keywords) to \(sent.destination.routingKey)"))")
        }
        return lines
    }
}

extension Replay.Outcome {
    /// Whether it is as the caller would have it.
    fileprivate var isGood: Bool {
        switch self {
        case .success, .ignored, .replaced: true
        default: false
        }
    }

    fileprivate var words: String {
        switch self {
        case .success(let value): "succeeded: \(PythonRepr.saferepr(value))"
        case .failure(let failure): "failed: \(failure)"
        case .retry(let delay, let reason): "is to be tried again after \(delay)" + (reason.map { ": \($0)" } ?? "")
        case .replaced: "was replaced by a canvas"
        case .ignored: "ignored its message"
        case .rejected(let requeue): "rejected its message" + (requeue ? ", which comes again" : "")
        case .refused(let error): "cannot be run: \(error)"
        case .notRegistered(let name): "cannot be run: there is no handler for \(name)"
        case .interrupted: "was interrupted"
        }
    }
}
