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

    /// A text that somebody else chose, for a log line: quoted if it would not stay on one line, or be a very long one.
    static func line(_ text: String) -> Logger.MetadataValue {
        let isPlain = text.utf8.count <= 255 && text.unicodeScalars.allSatisfy { !isLineBreaking($0) }
        return .string(isPlain ? text : PythonRepr.quoted(text))
    }

    private static func isLineBreaking(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
