internal import ArgumentParser
internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTesting
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// Runs a worker's handlers on captured messages, one after the other, and prints what became of each.
struct ReplayRun: Sendable {
    /// Runs among the worker's own services, such as the pool that its handlers need, and ends them.
    private final class Job: Service {
        private let replay: Replay
        private let fixtures: [Fixture]
        private let isRetrying: Bool
        let failures = Locked(0)

        init(_ replay: Replay, _ fixtures: [Fixture], retrying: Bool) {
            self.replay = replay
            self.fixtures = fixtures
            isRetrying = retrying
        }

        func run() async throws {
            for fixture in fixtures {
                if Task.isShuttingDownGracefully || Task.isCancelled { throw CancellationError() }
                let recording = await replay.record(fixture, retrying: isRetrying)
                if !recording.outcome.isGood { failures.withLock { $0 += 1 } }
                for line in ReplayRun.lines(fixture, recording) { print(line) }
            }
        }
    }

    private let fixtures: [Fixture]
    private let isRetrying: Bool

    init(_ fixtures: [Fixture], retrying: Bool) {
        self.fixtures = fixtures
        isRetrying = retrying
    }

    /// - Throws: `ExitCode` 1 when a task did not succeed.
    func run(_ command: some CeleryWorkerCommand) async throws {
        var quiet = command.logger ?? Console.ofCommands
        var logger = quiet
        if command.logger == nil { logger.logLevel = .info }
        let job = Job(try Replay(logger: logger) { command.handlers }, fixtures, retrying: isRetrying)
        quiet.logLevel = .warning
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: command.services.map { .init(service: $0) } + [
                    .init(service: job, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigint, .sigterm],
                logger: quiet))
        try await services.run()
        if job.failures.withLock({ $0 }) > 0 { throw ExitCode.failure }
    }

    private static func lines(_ fixture: Fixture, _ recording: Recording) -> [String] {
        var lines = ["\(LogText(label(of: fixture))) \(LogText(recording.outcome.words, limit: 2000))"]
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

extension ReplayRun {
    private static func label(of fixture: Fixture) -> String {
        do {
            let request = try fixture.request()
            return "\(request.task)[\(request.id)]"
        } catch {
            return fixture.name
        }
    }
}

extension Replay.Outcome {
    /// Whether it is as the caller would have it.
    fileprivate var isGood: Bool {
        switch self {
        case .success, .ignored: true
        default: false
        }
    }

    fileprivate var words: String {
        switch self {
        case .success(let value): "succeeded: \(PythonRepr.saferepr(value))"
        case .failure(let failure): "failed: \(failure)"
        case .retry(let delay, let reason): "is to be tried again after \(delay)" + (reason.map { ": \($0)" } ?? "")
        case .ignored: "ignored its message"
        case .rejected(let requeue): "rejected its message" + (requeue ? ", which comes again" : "")
        case .refused(let error): "cannot be run: \(error)"
        case .notRegistered(let name): "cannot be run: there is no handler for \(name)"
        case .interrupted: "was interrupted"
        }
    }
}
