internal import Celery
internal import Logging

/// What is known besides a line's message: of its logger, of its provider, and of itself, each counting more than the one
/// before.
struct LogMetadata {
    private let all: Logger.Metadata

    init(_ base: Logger.Metadata, _ provider: Logger.MetadataProvider?, _ event: LogEvent) {
        var all = base
        if let provided = provider?.get(), !provided.isEmpty { all.merge(provided) { $1 } }
        if let own = event.metadata, !own.isEmpty { all.merge(own) { $1 } }
        if let error = event.error {
            all["error.message"] = "\(error)"
            all["error.type"] = "\(String(reflecting: type(of: error)))"
        }
        self.all = all
    }

    /// The task that the line is about.
    var task: (name: String, id: String)? {
        guard let name = all[LoggingKeys.taskName], let id = all[LoggingKeys.taskID] else { return nil }
        return (Self.text(name), Self.text(id))
    }

    /// The pairs in the order of their keys.
    var entries: [(key: String, value: Logger.MetadataValue)] { all.sorted { $0.key < $1.key } }

    /// The pairs that are no names of the task and the worker, as texts in the order of their keys.
    var pairs: [(key: String, value: String)] {
        var pairs: [(key: String, value: String)] = []
        for (key, value) in all where !LoggingKeys.isAlwaysSaid(key) { pairs.append((key, Self.text(value))) }
        pairs.sort { $0.key < $1.key }
        return pairs
    }

    private static func text(_ value: Logger.MetadataValue) -> String {
        if case .string(let text) = value { return text }
        return "\(value)"
    }
}
