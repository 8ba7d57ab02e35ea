internal import CeleryProtocol
internal import Logging

/// The metadata keys of this library's log lines.
enum LoggingKeys {
    static let taskID = "celery.task.id"
    static let taskName = "celery.task.name"
    static let state = "celery.state"
    static let runtime = "celery.task.runtime"
    static let queue = "celery.queue"
    static let worker = "celery.worker"
    static let broker = "celery.broker"
    static let error = "error"

    /// Which task a line is about.
    static func task(_ request: TaskRequest) -> Logger.Metadata {
        [taskID: line(request.id), taskName: line(request.task)]
    }

    /// A name or an id that somebody else chose, for a log line.
    static func line(_ text: String) -> Logger.MetadataValue { "\(LogText.name(text))" }

    /// A name that stands beside much else.
    static func short(_ text: String) -> Logger.MetadataValue { "\(LogText(text, limit: 40))" }

    /// What went wrong, for a log line: as a rule it repeats what others wrote.
    static func reason(_ error: any Error) -> Logger.MetadataValue { "\(LogText(error))" }
}
