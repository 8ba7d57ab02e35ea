internal import Celery
internal import CeleryProtocol
internal import Logging

/// Writes lines for people, as Celery's worker does: the time, the level, the message, and what else is known.
struct ConsoleLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let style: TerminalStyle
    private let output: LogOutput
    private let now: @Sendable () -> LogTime

    init(style: TerminalStyle, output: LogOutput, now: @escaping @Sendable () -> LogTime = { .now }) {
        self.style = style
        self.output = output
        self.now = now
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let level = event.level
        var line = "[\(now().local): \(style(Self.name(of: level), Self.color(of: level)))] "
        let known = LogMetadata(metadata, metadataProvider, event)
        let message = Self.shown(event.message.description)
        if let (name, id) = known.task {
            append(message, of: name, id, to: &line)
        } else {
            line += message
        }
        let pairs = known.pairs.filter { !LoggingKeys.isSaid($0.key, $0.value, in: message) }
        for (key, value) in pairs where key == LoggingKeys.error { line += ": \(LogText(value, limit: .max))" }
        let rest = pairs.filter { $0.key != LoggingKeys.error }
        if !rest.isEmpty { line += " " + style("(\(rest.map(Self.shown).joined(separator: ", ")))", .dim) }
        line += "\n"
        output.write(line)
    }

    /// A line of the library says which task it is about; one of a handler's own is told whose it is.
    private func append(_ message: String, of name: String, _ id: String, to line: inout String) {
        let subject = "Task \(name)[\(id)]"
        guard message.hasPrefix(subject) else {
            line += style(name, .bold) + style("[\(id)]", .dim) + ": " + message
            return
        }
        let rest = Substring(message.utf8.dropFirst(subject.utf8.count))
        line += "Task " + style(name, .bold) + style("[\(id)]", .dim)
        guard style.isColored, let (verb, color) = Self.verbs.first(where: { rest.hasPrefix(" " + $0.0) }) else {
            line += rest
            return
        }
        line += " " + style(verb, color) + rest.dropFirst(verb.count + 1)
    }

    private static let verbs: [(String, TerminalStyle.Color)] = [
        ("succeeded", .green), ("raised unexpected", .red), ("failed", .red), ("refused", .red), ("retry", .yellow),
        ("rejected", .yellow), ("discarded", .yellow), ("interrupted", .yellow),
    ]

    private static func shown(_ key: String, _ value: String) -> String {
        "\(key.hasPrefix(prefix) ? key.dropFirst(prefix.count) : key[...])=\(LogText(value, limit: .max))"
    }

    /// Of this library's keys.
    private static let prefix = "celery."

    /// Users' messages may have several lines; none may move the cursor.
    private static func shown(_ text: String) -> String {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? text : LogText.lines(text)
    }

    private static func name(of level: Logger.Level) -> String {
        switch level {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info: "INFO"
        case .notice: "NOTICE"
        case .warning: "WARNING"
        case .error: "ERROR"
        case .critical: "CRITICAL"
        }
    }

    private static func color(of level: Logger.Level) -> TerminalStyle.Color? {
        switch level {
        case .trace, .debug: .blue
        case .info: nil
        case .notice: .cyan
        case .warning: .yellow
        case .error: .red
        case .critical: .magenta
        }
    }
}
