internal import Celery

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The environment variables of this process.
enum Environment {
    static subscript(name: String) -> String? { ProcessInfo.processInfo.environment[name] }

    /// Celery's settings in the variables of this process.
    static var settings: JSONObject { settings(in: ProcessInfo.processInfo.environment) }

    /// Celery's settings in variables of their names, such as `CELERY_TASK_ACKS_LATE`; those that nothing here obeys as
    /// well, so that they can be named. An empty one is none.
    static func settings(in variables: [String: String]) -> JSONObject {
        var settings: JSONObject = [:]
        for name in CeleryConfiguration.keys + CeleryConfiguration.disregardedKeys {
            if let text = variables["CELERY_" + name.uppercased()], !text.isEmpty { settings[name] = .string(text) }
        }
        return settings
    }
}
