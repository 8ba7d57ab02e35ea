internal import Celery

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The environment variables of this process.
enum Environment {
    static subscript(name: String) -> String? { ProcessInfo.processInfo.environment[name] }

    /// Celery's settings in variables of their names, such as `CELERY_TASK_ACKS_LATE`. An empty one is none.
    static var settings: JSONObject {
        let variables = ProcessInfo.processInfo.environment
        var settings: JSONObject = [:]
        for name in CeleryConfiguration.keys {
            if let text = variables["CELERY_" + name.uppercased()], !text.isEmpty { settings[name] = .string(text) }
        }
        return settings
    }
}
