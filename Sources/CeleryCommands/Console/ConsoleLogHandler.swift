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
        let known = LogMetadata(metadata, metadataProvider, event)
        let message = Self.shown(event.message.description)
        var line = "["
        line.reserveCapacity(message.utf8.count + 64)
        line += now().local
        line += ": "
        line += style(Self.name(of: event.level), Self.color(of: event.level))
        line += "] "
        if let (name, id) = known.task {
            append(message, of: name, id, to: &line)
        } else {
            line += message
        }
        let pairs = known.pairs.filter { !LoggingKeys.isSaid($0.key, $0.value, in: message) }
        if !pairs.isEmpty { append(pairs, to: &line) }
        line += "\n"
        output.write(line)
    }

    /// A reason stands behind the message, everything else in brackets.
    private func append(_ pairs: [(key: String, value: String)], to line: inout String) {
        for (key, value) in pairs where key == LoggingKeys.error { line += ": \(LogText(value, limit: .max))" }
        let rest = pairs.filter { $0.key != LoggingKeys.error }
        if !rest.isEmpty { line += " " + style("(\(rest.map(Self.shown).joined(separator: ", ")))", .dim) }
    }

    /// A line of the library says which task it is about; one of a handler's own is told whose it is.
    private func append(_ message: String, of name: String, _ id: String, to line: inout String) {
        var subject = "Task "
        subject.reserveCapacity(name.utf8.count + id.utf8.count + 8)
        subject += name
        subject += "["
        subject += id
        subject += "]"
        guard message.hasPrefix(subject) else {
            line += style(name, .bold) + style("[\(id)]", .dim) + ": " + message
            return
        }
        guard style.isColored else { return line += message }
        var rest = message.utf8.dropFirst(subject.utf8.count)
        line += "Task " + style(name, .bold) + style("[\(id)]", .dim)
        if let (verb, color) = Self.verbs.first(where: { rest.dropFirst().starts(with: $0.0.utf8) }) {
            line += " " + style(verb, color)
            rest = rest.dropFirst(verb.utf8.count + 1)
        }
        line += Substring(rest)
    }

    private static let verbs: [(String, TerminalStyle.Color)] = [
        ("succeeded", .green), ("raised unexpected", .red), ("refused", .red), ("retry", .yellow),
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
