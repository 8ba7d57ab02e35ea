public import CeleryProtocol
internal import CeleryTransport

extension CeleryConfiguration {
    /// Reads settings by Celery's lower-case names, such as `task_routes`, as a JSON or YAML file or
    /// `celery-swift import-config` has them.
    ///
    /// What nothing here obeys is kept in ``disregardedSettings``, unless its value asks for what is so anyway.
    ///
    /// - Throws: ``CeleryError`` with the code `invalidSetting`, which names the setting whose value makes no sense.
    public init(settings: JSONObject) throws {
        self.init()
        var settings = SettingsReader(settings)
        broker = try settings.text("broker_url")
        resultBackend = try settings.text("result_backend")
        for (name, value) in try settings.object("broker_transport_options") ?? [:] {
            guard let text = Self.optionText(value) else {
                throw SettingsReader.invalid("broker_transport_options", "has no plain value for \(LogText(name))")
            }
            brokerTransportOptions[name] = text
        }
        if let expires = settings.take("result_expires") { resultExpires = try Self.life(expires) }
        try readRouting(&settings)
        try readWorker(&settings)
        settings.drop("task_serializer") { $0 == "json" }
        settings.drop("result_serializer") { $0 == "json" }
        settings.drop("event_serializer") { $0 == "json" }
        settings.drop("accept_content", if: Self.namesJSON)
        settings.drop("result_accept_content", if: Self.namesJSON)
        settings.drop("enable_utc") { SettingsReader.bool($0) == true }
        settings.drop("task_protocol") { $0 == 2 }
        settings.drop("broker_connection_retry") { SettingsReader.bool($0) == true }
        settings.drop("broker_connection_retry_on_startup") { SettingsReader.bool($0) == true }
        // What a Python program has to import to know its tasks.
        for name in ["imports", "include"] { settings.drop(name) { _ in true } }
        disregardedSettings = settings.rest.map { name, _ in
            DisregardedSetting(name: name, isKnownToCelery: CelerySettingNames.all.contains(name))
        }
    }

    private mutating func readWorker(_ settings: inout SettingsReader) throws {
        if let value = try settings.integer("worker_concurrency", least: 1) { worker.concurrency = value }
        if let value = try settings.integer("worker_prefetch_multiplier", least: 0) {
            worker.prefetchMultiplier = value
        }
        if let value = try settings.integer("worker_eta_task_limit", least: 0) { worker.etaLimit = value }
        if let value = try settings.bool("task_acks_late") { worker.acksLate = value }
        if let value = try settings.bool("task_acks_on_failure_or_timeout") { worker.acksOnFailure = value }
        if let value = try settings.bool("task_ignore_result") { worker.ignoreResult = value }
        if let value = try settings.bool("task_track_started") { worker.trackStarted = value }
    }

    /// A number of seconds, or a time span as kombu writes a `timedelta`; zero and null mean never.
    private static func life(_ value: JSONValue) throws -> Duration? {
        let number = value.doubleValue ?? value.stringValue.flatMap { Double($0) }
        if value.isNull || number == 0 { return nil }
        guard let number, number > 0, number < 1e15 else {
            throw SettingsReader.invalid("result_expires", "must be a number of seconds")
        }
        return .seconds(number)
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
