internal import CeleryProtocol

extension ControlCommand {
    /// `conf`: the worker's settings, by Celery's names: those that it was configured with, also what is not obeyed, and
    /// others that are not Celery's defaults, or all.
    static let configuration = ControlCommand("conf", aliases: ["dump_conf"]) { state, arguments in
        let all = settings(state.options), defaults = settings(CeleryWorker.Options())
        let withDefaults = arguments.flag("with_defaults")
        var shown = state.options.shownSettings
        shown["broker_url"] = .string(state.locations.broker)
        shown["result_backend"] = state.locations.backend.map(JSONValue.string) ?? .null
        // Celery's always have it: the old names that an app uses for settings.
        shown["deprecated_settings"] = .null
        for (name, value) in all where withDefaults || shown[name] != nil || defaults[name] != value {
            shown[name] = value
        }
        return .object(shown)
    }

    private static func settings(_ options: CeleryWorker.Options) -> JSONObject {
        [
            "worker_concurrency": .integer(options.concurrency),
            "worker_prefetch_multiplier": .integer(options.prefetchMultiplier),
            "task_acks_late": .bool(options.acksLate),
            "task_acks_on_failure_or_timeout": .bool(options.acksOnFailure),
            "task_ignore_result": .bool(options.ignoreResult), "task_track_started": .bool(options.trackStarted),
            "worker_eta_task_limit": .integer(options.etaLimit),
            "task_soft_time_limit": options.softTimeLimit.map(JSONValue.seconds) ?? .null,
            "task_time_limit": options.timeLimit.map(JSONValue.seconds) ?? .null,
            "task_default_rate_limit": options.rateLimit.map { .string("\($0)") } ?? .null,
            "worker_disable_rate_limits": .bool(options.disablesRateLimits),
        ]
    }
}
