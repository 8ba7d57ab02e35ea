internal import ArgumentParser

/// How the console writes its lines.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    /// For people, as Celery does.
    case text
    /// One JSON object a line.
    case json
}
