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

    /// A logger that writes to standard error from this level on.
    func makeLogger() -> Logger {
        var logger = Logger(label: "celery", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = level
        return logger
    }
}
