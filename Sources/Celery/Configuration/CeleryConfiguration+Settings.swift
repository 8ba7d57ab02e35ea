public import CeleryProtocol
internal import CeleryTransport

extension CeleryConfiguration {
    /// The settings that are obeyed: those of Celery of which something here makes use, and `worker_hostname`,
    /// `worker_task_loglevel`, `worker_heartbeat_interval`, `worker_mingle`, `worker_max_body_size`,
    /// `worker_max_body_memory` and `worker_stray_limit`.
    public static let keys =
        [
            "broker_url", "result_backend", "broker_transport_options", "result_expires",
            "result_chord_expires", "result_chord_join_timeout",
            "task_default_queue", "task_default_exchange", "task_default_exchange_type", "task_default_routing_key",
            "task_default_queue_type", "task_create_missing_queue_type", "task_queue_max_priority", "task_queues",
            "task_default_priority", "task_inherit_parent_priority", "task_allow_error_cb_on_chord_header",
            "task_compression", "task_publish_retry", "task_publish_retry_policy",
            "task_create_missing_queues", "task_routes",
            "worker_concurrency", "worker_prefetch_multiplier", "worker_eta_task_limit", "task_acks_late",
            "task_acks_on_failure_or_timeout", "task_ignore_result", "task_track_started",
            "task_soft_time_limit", "task_time_limit", "task_default_rate_limit", "worker_disable_rate_limits",
            "worker_enable_remote_control", "control_exchange", "worker_send_task_events",
            "event_exchange", "event_queue_prefix", "event_queue_ttl", "event_queue_expires",
            "task_send_sent_event", "worker_state_db",
        ] + ownKeys

    /// Those for which Celery has an option of the command line at most, and no setting.
    static let ownKeys = [
        "worker_hostname", "worker_task_loglevel", "worker_max_body_size", "worker_max_body_memory",
        "worker_heartbeat_interval", "worker_mingle", "worker_stray_limit",
    ]

    /// The settings that Celery knows and that nothing here obeys, unless they ask for what is so anyway.
    package static let disregardedKeys = CelerySettingNames.all.subtracting(keys).sorted()

    /// Reads settings by Celery's lower-case names, such as `task_routes`, as a JSON file or
    /// `celery-swift import-config` has them.
    ///
    /// - Throws: as ``apply(_:)``.
    public init(settings: JSONObject) throws {
        self.init()
        try apply(settings)
    }

    /// Takes over settings by Celery's lower-case names; what they do not name stays as it is.
    ///
    /// What nothing here obeys is kept in ``disregardedSettings``, unless its value asks for what is so anyway.
    ///
    /// - Throws: ``CeleryError`` with the code `invalidSetting`, which names the setting whose value makes no sense.
    public mutating func apply(_ settings: JSONObject) throws {
        worker.shownSettings.update(ShownSettings.censored(settings))
        var settings = SettingsReader(settings)
        if let value = try settings.text("broker_url") { broker = value }
        if let value = try settings.text("result_backend") { resultBackend = value }
        for (name, value) in try settings.object("broker_transport_options") ?? [:] {
            guard let text = Self.optionText(value) else {
                throw SettingsReader.invalid("broker_transport_options", "has no plain value for \(LogText(name))")
            }
            brokerTransportOptions[name] = text
        }
        if let expires = settings.take("result_expires") { resultExpires = try Self.life(expires, "result_expires") }
        try applyChords(&settings)
        try applyRouting(&settings)
        try applySending(&settings)
        try applyWorker(&settings)
        try applyEvents(&settings)
        Self.dropWhatIsSoAnyway(&settings)
        disregardedSettings += settings.rest.map { name, _ in
            DisregardedSetting(name: name, isKnownToCelery: CelerySettingNames.all.contains(name))
        }
    }

    private mutating func applyChords(_ settings: inout SettingsReader) throws {
        if let expires = settings.take("result_chord_expires"), !expires.isNull {
            chords.expires = try Self.life(expires, "result_chord_expires") ?? .zero
        }
        if let timeout = settings.take("result_chord_join_timeout") {
            // What Celery takes where there is no limit: a claim has one all the same.
            chords.joinTimeout = try Self.life(timeout, "result_chord_join_timeout") ?? .seconds(5)
        }
        guard var options = try settings.object("result_backend_transport_options") else { return }
        if let isOrdered = options["result_chord_ordered"].flatMap(SettingsReader.bool) {
            chords.isOrdered = isOrdered
            options["result_chord_ordered"] = nil
        }
        // The others are not obeyed.
        if !options.isEmpty { settings.putBack("result_backend_transport_options", .object(options)) }
    }

    private static func dropWhatIsSoAnyway(_ settings: inout SettingsReader) {
        for name in ["task_serializer", "result_serializer", "event_serializer"] {
            settings.drop(name) { $0 == "json" }
        }
        for name in ["accept_content", "result_accept_content"] { settings.drop(name, if: namesJSON) }
        for name in ["enable_utc", "broker_connection_retry", "broker_connection_retry_on_startup"] {
            settings.drop(name) { SettingsReader.bool($0) == true }
        }
        settings.drop("task_protocol") { $0 == 2 }
        // What a Python program has to import to know its tasks.
        for name in ["imports", "include"] { settings.drop(name) { _ in true } }
    }

    private mutating func applySending(_ settings: inout SettingsReader) throws {
        if let priority = try settings.integer("task_default_priority", least: 0, most: 255) {
            defaultOptions.priority = priority
        }
        if let value = try settings.bool("task_inherit_parent_priority") { defaultOptions.inheritsPriority = value }
        if let value = try settings.bool("task_allow_error_cb_on_chord_header") {
            defaultOptions.linksErrorsToHeaders = value
        }
        // Another compression stays a setting that is not obeyed.
        settings.drop("task_compression") { value in
            guard value.isNull || ["gzip", "zlib", "application/x-gzip"].contains(value) else { return false }
            defaultOptions.isCompressed = value.isNull ? nil : true
            return true
        }
        let policy = try settings.object("task_publish_retry_policy")
        if let retries = policy?["max_retries"] {
            guard let number = retries.isNull ? .max : retries.integerValue, number >= 0 else {
                throw SettingsReader.invalid("task_publish_retry_policy", "must have a number of max_retries")
            }
            defaultOptions.publishRetries = number
        }
        // The waits between the tries are not to be chosen.
        let waits = ["interval_start": 0, "interval_max": 1, "interval_step": 0.2]
        let isObeyed = (policy ?? [:]).allSatisfy { $0.key == "max_retries" || $0.value.doubleValue == waits[$0.key] }
        if !isObeyed { settings.putBack("task_publish_retry_policy", .object(policy ?? [:])) }
        if try settings.bool("task_publish_retry") == false { defaultOptions.publishRetries = 0 }
    }

    private mutating func applyWorker(_ settings: inout SettingsReader) throws {
        settings.drop("worker_concurrency") { $0 == "auto" }
        if let value = try settings.integer("worker_concurrency", least: 1, most: 100_000) {
            worker.concurrency = value
        }
        if let value = try settings.integer("worker_prefetch_multiplier", least: 0, most: 65_535) {
            worker.prefetchMultiplier = value
        }
        if let value = try settings.integer("worker_eta_task_limit", least: 0) { worker.etaLimit = value }
        if let value = try settings.bool("task_acks_late") { worker.acksLate = value }
        if let value = try settings.bool("task_acks_on_failure_or_timeout") { worker.acksOnFailure = value }
        if let value = try settings.bool("task_ignore_result") { worker.ignoreResult = value }
        if let value = try settings.bool("task_track_started") { worker.trackStarted = value }
        if let value = try settings.seconds("task_soft_time_limit") { worker.softTimeLimit = value }
        if let value = try settings.seconds("task_time_limit") { worker.timeLimit = value }
        if let value = settings.take("task_default_rate_limit"), !value.isNull {
            do throws(ControlError) {
                worker.rateLimit = try RateLimit(value)
            } catch {
                throw SettingsReader.invalid("task_default_rate_limit", "must be a rate such as 100/m")
            }
        }
        if let value = try settings.bool("worker_disable_rate_limits") { worker.disablesRateLimits = value }
        if let value = try settings.bool("worker_enable_remote_control") { worker.isControllable = value }
        if let value = try settings.text("control_exchange") { worker.controlExchange = value }
        if let value = try settings.bool("worker_send_task_events") { worker.sendsTaskEvents = value }
        if let value = try settings.seconds("worker_heartbeat_interval") {
            worker.heartbeatInterval = value == .zero ? nil : value
        }
        if let value = try settings.bool("worker_mingle") { worker.mingles = value }
        if let value = try settings.text("worker_state_db") { worker.stateFile = value }
        if let value = try settings.text("worker_hostname") { worker.name = value }
        if let value = try settings.level("worker_task_loglevel") { worker.taskLogLevel = value }
        if let value = try settings.integer("worker_max_body_size", least: 1) { worker.maximumBodySize = value }
        if let value = try settings.integer("worker_max_body_memory", least: 1) { worker.maximumBodyMemory = value }
        if let value = try settings.integer("worker_stray_limit", least: 0) { worker.strayLimit = value }
    }

    private mutating func applyEvents(_ settings: inout SettingsReader) throws {
        if let value = try settings.bool("task_send_sent_event") { events.sendsSentEvents = value }
        if let value = try settings.text("event_exchange") { events.exchange = value }
        if let value = try settings.text("event_queue_prefix") { events.queuePrefix = value }
        // Null is no limit, where other settings that are null count as not given.
        if let value = settings.take("event_queue_ttl") { events.timeToLive = try Self.life(value, "event_queue_ttl") }
        if let value = settings.take("event_queue_expires") {
            events.queueExpires = try Self.life(value, "event_queue_expires")
        }
    }

    /// A number of seconds, or a time span as kombu writes a `timedelta`; zero and null mean never.
    private static func life(_ value: JSONValue, _ name: String) throws -> Duration? {
        let number = value.doubleValue ?? value.stringValue.flatMap { Double($0) }
        if value.isNull || number == 0 { return nil }
        guard let life = number.flatMap(Duration.init(seconds:)), life > .zero else {
            throw SettingsReader.invalid(name, "must be a number of seconds")
        }
        return life
    }

    /// Lists are written as in `priority_steps=0,3,6,9`.
    private static func optionText(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): return text
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .double(let value): return String(value)
        case .array(let values):
            let texts = values.compactMap { $0.arrayValue == nil ? optionText($0) : nil }
            return texts.count == values.count ? texts.joined(separator: ",") : nil
        default: return nil
        }
    }

    private static func namesJSON(_ value: JSONValue) -> Bool {
        let names = SettingsReader.parsed(value).arrayValue ?? [value]
        return names.contains("json") || names.contains("application/json")
    }
}
