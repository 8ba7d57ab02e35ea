internal import ArgumentParser
internal import Logging

/// A log level by Celery's names.
enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case debug = "DEBUG"
    case info = "INFO"
    case warning = "WARNING"
    case error = "ERROR"
    case critical = "CRITICAL"
    case fatal = "FATAL"

    init?(argument: String) {
        self.init(rawValue: argument.uppercased())
    }

    var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warning: .warning
        case .error: .error
        case .critical, .fatal: .critical
        }
    }
}
