internal import CeleryProtocol
internal import Logging

/// The metadata keys of this library's log lines.
package enum LoggingKeys {
    package static let taskID = "celery.task.id"
    package static let taskName = "celery.task.name"
    static let state = "celery.state"
    /// How long the task ran, in seconds.
    static let runtime = "celery.task.runtime"
    /// After how long the next try is due, in seconds.
    static let countdown = "celery.task.countdown"
    static let queue = "celery.queue"
    static let worker = "celery.worker"
    static let broker = "celery.broker"
    package static let error = "error"

    /// Whether a log for people needs no pair of this key beside the message: that names the task, and the worker is the
    /// same throughout.
    package static func isAlwaysSaid(_ key: String) -> Bool { key == worker || key.hasPrefix("celery.task.") }

    /// Whether a message says a pair, so that a log for people need not repeat it.
    package static func isSaid(_ key: String, _ value: String, in message: String) -> Bool {
        isAlwaysSaid(key) || ((key == error || key == broker) && message.hasSuffix(value))
    }

    /// Which task a line is about.
    ///
    /// - Parameter label: as it is shown.
    static func task(_ label: TaskLabel) -> Logger.Metadata {
        var metadata: Logger.Metadata = [:]
        if let id = label.id { metadata[taskID] = .string(id) }
        if let name = label.name { metadata[taskName] = .string(name) }
        return metadata
    }

    /// A duration as a number, in seconds.
    static func seconds(_ duration: Duration) -> Logger.MetadataValue { .stringConvertible(duration.inSeconds) }

    /// A name or an id that somebody else chose, for a log line.
    static func line(_ text: String) -> Logger.MetadataValue { "\(LogText.name(text))" }

    /// A name that stands beside much else.
    static func short(_ text: String) -> Logger.MetadataValue { "\(LogText(text, limit: 40))" }

    /// What went wrong, for a log line: as a rule it repeats what others wrote.
    static func reason(_ error: any Error) -> Logger.MetadataValue { "\(LogText(error))" }
}
