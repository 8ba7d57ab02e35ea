internal import CeleryIO
internal import CeleryProtocol

/// Settings as others may see them.
enum ShownSettings {
    private static let mask = JSONValue.string("********")
    /// What names of secrets hold, as Celery has it.
    private static let secrets = [
        "api", "token", "key", "secret", "pass", "profanities_list", "signature", "database", "beat_dburi",
    ]

    /// The settings without what by its name is secret, and without passwords within addresses.
    static func censored(_ settings: JSONObject) -> JSONObject {
        var shown: JSONObject = [:]
        for (name, value) in settings { shown[name] = censored(name, value) }
        return shown
    }

    private static func censored(_ name: String, _ value: JSONValue) -> JSONValue {
        let name = name.lowercased()
        // Routing keys are no secrets; Celery hides them too.
        if name != "routing_key" && name != "task_default_routing_key", secrets.contains(where: name.contains) {
            return mask
        }
        switch value {
        case .object(let inner): return .object(censored(inner))
        case .array(let inner): return .array(inner.map { censored(name, $0) })
        case .string(let text): return .string(withoutPassword(text))
        default: return value
        }
    }

    private static func withoutPassword(_ text: String) -> String {
        // It may stand before an @, or among the options.
        guard text.contains("://") else { return text }
        do { return try ServerURL(text).description } catch { return error.description }
    }
}
