import ArgumentParser
import Celery
import Testing

@testable import CeleryCommands

/// Everything that a worker can be told is an option of the command line and an environment variable.
@Suite struct WorkerOptionsTests {
    struct Spelling: Sendable {
        let property: String
        let option: [String]
        let variable: String
        let value: String
        /// What the property is then.
        let shown: String

        init(_ property: String, _ option: [String], _ variable: String, _ value: String, _ shown: String? = nil) {
            (self.property, self.option, self.variable, self.value) = (property, option, variable, value)
            self.shown = shown ?? value
        }
    }

    static let spellings = [
        Spelling("concurrency", ["-c", "77"], "CELERY_WORKER_CONCURRENCY", "77"),
        Spelling("prefetchMultiplier", ["--prefetch-multiplier", "7"], "CELERY_WORKER_PREFETCH_MULTIPLIER", "7"),
        Spelling("name", ["-n", "images@%h"], "CELERY_WORKER_HOSTNAME", "images@%h"),
        Spelling("acksLate", ["--acks-late"], "CELERY_TASK_ACKS_LATE", "true"),
        Spelling(
            "acksOnFailure", ["--no-acks-on-failure"], "CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT", "0", "false"),
        Spelling("ignoreResult", ["--ignore-result"], "CELERY_TASK_IGNORE_RESULT", "True", "true"),
        Spelling("trackStarted", ["--track-started"], "CELERY_TASK_TRACK_STARTED", "on", "true"),
        Spelling(
            "softTimeLimit", ["--soft-time-limit", "1.5"], "CELERY_TASK_SOFT_TIME_LIMIT", "1.5",
            "Optional(1.5 seconds)"),
        Spelling("timeLimit", ["--time-limit", "60"], "CELERY_TASK_TIME_LIMIT", "60", "Optional(60.0 seconds)"),
        Spelling("rateLimit", ["--rate-limit", "10/m"], "CELERY_TASK_DEFAULT_RATE_LIMIT", "10/m", "Optional(10/m)"),
        Spelling("disablesRateLimits", ["--disable-rate-limits"], "CELERY_WORKER_DISABLE_RATE_LIMITS", "1", "true"),
        Spelling(
            "isControllable", ["--no-remote-control"], "CELERY_WORKER_ENABLE_REMOTE_CONTROL", "false", "false"),
        Spelling("controlExchange", ["--control-exchange", "other"], "CELERY_CONTROL_EXCHANGE", "other"),
        Spelling("sendsTaskEvents", ["-E"], "CELERY_WORKER_SEND_TASK_EVENTS", "true"),
        Spelling(
            "heartbeatInterval", ["--heartbeat-interval", "5"], "CELERY_WORKER_HEARTBEAT_INTERVAL", "5",
            "Optional(5.0 seconds)"),
        Spelling(
            "heartbeatInterval", ["--without-heartbeat"], "CELERY_WORKER_HEARTBEAT_INTERVAL", "0", "nil"),
        Spelling("mingles", ["--without-mingle"], "CELERY_WORKER_MINGLE", "no", "false"),
        Spelling(
            "stateFile", ["-S", "/var/lib/w.json"], "CELERY_WORKER_STATE_DB", "/var/lib/w.json",
            #"Optional("/var/lib/w.json")"#),
        Spelling("etaLimit", ["--eta-limit", "20"], "CELERY_WORKER_ETA_TASK_LIMIT", "20"),
        Spelling("maximumBodySize", ["--max-body-size", "1000"], "CELERY_WORKER_MAX_BODY_SIZE", "1000"),
        Spelling("maximumBodyMemory", ["--max-body-memory", "2000"], "CELERY_WORKER_MAX_BODY_MEMORY", "2000"),
        Spelling("strayLimit", ["--stray-limit", "3"], "CELERY_WORKER_STRAY_LIMIT", "3", "Optional(3)"),
        Spelling(
            "taskLogLevel", ["--task-loglevel", "WARNING"], "CELERY_WORKER_TASK_LOGLEVEL", "WARNING",
            "Optional(warning)"),
    ]

    /// The properties by their names, as texts.
    private func properties(of options: CeleryWorker.Options) -> [String: String] {
        var properties: [String: String] = [:]
        // The clock is for tests alone, and not public; nor are the settings that `conf` shows.
        for child in Mirror(reflecting: options).children where !["clock", "shownSettings"].contains(child.label) {
            properties[child.label ?? ""] = String(describing: child.value)
        }
        return properties
    }

    /// Whoever adds a property to the options adds a way to say it.
    @Test func noPropertyIsWithoutAnOptionAndAVariable() {
        #expect(Set(Self.spellings.map(\.property)) == Set(properties(of: CeleryWorker.Options()).keys))
    }

    @Test(arguments: spellings)
    func theOptionAndTheVariableSetThePropertyAndNoOther(spelling: Spelling) throws {
        var base = CeleryConfiguration()
        base.worker.taskLogLevel = .info
        var expected = properties(of: base.worker)
        #expect(expected.updateValue(spelling.shown, forKey: spelling.property) != spelling.shown, "not the default")
        let byOption = try WorkerArguments.parse(spelling.option).configuration(over: .init())
        #expect(properties(of: byOption.worker) == expected)
        var byVariable = base
        try byVariable.apply(Environment.settings(in: [spelling.variable: spelling.value, "CELERY_OTHER": "x"]))
        #expect(properties(of: byVariable.worker) == expected)
        #expect(byVariable.disregardedSettings.isEmpty)
    }

    @Test func aProgramsOwnLevelOfTasksLinesCounts() throws {
        var base = CeleryConfiguration()
        base.worker.taskLogLevel = .notice
        #expect(try WorkerArguments.parse([]).configuration(over: base).worker.taskLogLevel == .notice)
        #expect(try WorkerArguments.parse([]).configuration(over: .init()).worker.taskLogLevel == .info)
        base.worker.taskLogLevel = .debug
        #expect(try WorkerArguments.parse([]).configuration(over: base).worker.taskLogLevel == .debug)
    }

    @Test func autoIsTheNumberOfProcessors() throws {
        let usual = CeleryWorker.Options().concurrency
        var base = CeleryConfiguration()
        base.worker.concurrency = usual + 1
        #expect(try WorkerArguments.parse(["-c", "auto"]).configuration(over: base).worker.concurrency == usual)
        var configuration = CeleryConfiguration()
        try configuration.apply(["worker_concurrency": "auto"])
        #expect(configuration.worker.concurrency == usual)
    }

    @Test func aVariableOfASettingThatNothingObeysIsNamed() throws {
        var configuration = CeleryConfiguration()
        try configuration.apply(
            Environment.settings(in: [
                "CELERY_TASK_REMOTE_TRACEBACKS": "1", "CELERY_TASK_SERIALIZER": "json", "CELERY_WORKER_POOL": "",
                "CELERY_BIN": "/usr/bin/celery",
            ]))
        #expect(configuration.disregardedSettings.map(\.name) == ["task_remote_tracebacks"])
    }

    @Test(arguments: ["loud", "3", ""])
    func aLevelThatIsNoneIsRefused(text: String) {
        var configuration = CeleryConfiguration()
        #expect(throws: CeleryError.self) { try configuration.apply(["worker_task_loglevel": .string(text)]) }
    }

    @Test func theLogsLevelIsAnOptionAndAVariable() throws {
        let (none, debug) = (try ConsoleOptions.parse([]), try ConsoleOptions.parse(["-ldebug"]))
        #expect(try none.level { _ in nil } == nil)
        #expect(try none.level { $0 == "CELERY_WORKER_LOGLEVEL" ? "warning" : nil } == .warning)
        #expect(try debug.level { _ in "warning" } == .debug)
        #expect(throws: ValidationError.self) { try none.level { _ in "loud" } }
    }
}
