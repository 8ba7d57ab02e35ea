public import Celery
public import Configuration

extension CeleryConfiguration {
    /// What can hold a password.
    private static let secrets: Set = ["broker_url", "result_backend"]

    /// Reads the settings by their Celery names, `CeleryConfiguration.keys`, as keys of one part each. In the scope
    /// `celery` the environment variables are those that Django projects use, such as `CELERY_BROKER_URL` and
    /// `CELERY_TASK_ACKS_LATE`:
    ///
    ///     let config = ConfigReader(provider: EnvironmentVariablesProvider())
    ///     let configuration = try CeleryConfiguration(config: config.scoped(to: "celery"))
    ///
    /// Tables and lists, such as `task_routes`, are texts of JSON. The addresses are read as secrets.
    ///
    /// - Throws: as `apply(_:)`.
    public init(config: ConfigReader) throws {
        self.init()
        try apply(config: config)
    }

    /// Takes over what is configured; what is not stays as it is.
    ///
    /// - Throws: as `apply(_:)`.
    public mutating func apply(config: ConfigReader) throws {
        var settings: JSONObject = [:]
        for name in Self.keys {
            let (key, isSecret) = (ConfigKey([name]), Self.secrets.contains(name))
            if let text = config.string(forKey: key, isSecret: isSecret) {
                // An empty variable is no setting, as in Celery.
                if !text.isEmpty { settings[name] = .string(text) }
            } else if let number = config.int(forKey: key, isSecret: isSecret) {
                settings[name] = .integer(number)
            } else if let number = config.double(forKey: key, isSecret: isSecret) {
                settings[name] = .double(number)
            } else if let flag = config.bool(forKey: key, isSecret: isSecret) {
                settings[name] = .bool(flag)
            } else if let texts = config.stringArray(forKey: key, isSecret: isSecret) {
                settings[name] = .array(texts.map { .string($0) })
            }
        }
        try apply(settings)
    }
}
