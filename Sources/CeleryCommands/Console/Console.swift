internal import Logging

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Where a program's lines go.
struct Console {
    static let label = "celery"

    var logger: Logger
    /// How a banner is written; `nil` where none has a place: in a log for machines, or beside a user's own.
    let bannerStyle: TerminalStyle?

    /// A logger of the user's own.
    init(logger: Logger) {
        self.logger = logger
        bannerStyle = nil
    }

    /// Lines on standard error, the banner on standard output.
    init(_ format: LogFormat, noColor: Bool = false) {
        func style(_ descriptor: Int32) -> TerminalStyle {
            TerminalStyle(noColor: noColor, isTerminal: TerminalStyle.isTerminal(descriptor))
        }
        switch format {
        case .text:
            bannerStyle = style(STDOUT_FILENO)
            logger = Logger(label: Self.label) { _ in
                ConsoleLogHandler(style: style(STDERR_FILENO), output: .standardError)
            }
        case .json:
            bannerStyle = nil
            logger = Logger(label: Self.label) { JSONLogHandler(label: $0, output: .standardError) }
        }
    }

    /// The logger of a command that has something else to show: warnings only.
    static var ofCommands: Logger {
        let bootstrapped = Logger(label: label)
        var logger = bootstrapped.handler.isDefault ? Console(.text).logger : bootstrapped
        logger.logLevel = .warning
        return logger
    }
}

extension LogHandler {
    /// Whether it is what swift-log has when nothing was bootstrapped. A `StreamLogHandler` in which nothing was set cannot be
    /// told from that.
    var isDefault: Bool {
        guard LoggingSystem.metadataProvider == nil, let handler = self as? StreamLogHandler else { return false }
        return handler.logLevel == .info && handler.metadata.isEmpty && handler.metadataProvider == nil
    }
}
