internal import ArgumentParser
internal import Celery
internal import Logging

/// What a worker program shows, by the options that `celery` has for it.
struct ConsoleOptions: ParsableArguments {
    private static let formatVariable = "CELERY_LOG_FORMAT"
    private static let levelVariable = "CELERY_WORKER_LOGLEVEL"

    @Option(
        name: [.customShort("l", allowingJoined: true), .long],
        help: ArgumentHelp(
            "DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL. Default: $\(Self.levelVariable), else INFO.",
            valueName: "level"))
    var loglevel: LogLevel?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "text, or json for one object a line. Default: $\(Self.formatVariable), else text.", valueName: "format"))
    var logFormat: LogFormat?

    @Flag(name: [.customShort("C"), .long], help: "Without colours, as with $NO_COLOR; $FORCE_COLOR is the opposite.")
    var noColor = false

    @Flag(name: [.short, .long], help: "Without the banner.")
    var quiet = false

    /// For the argument parser.
    init() {}

    /// Checks what the parser cannot know.
    mutating func validate() throws { _ = try (format, level()) }

    /// The level of `--loglevel` or of the variable; `nil` when neither says one.
    func level(variable: (String) -> String? = { Environment[$0] }) throws -> LogLevel? {
        if let loglevel { return loglevel }
        guard let text = variable(Self.levelVariable), !text.isEmpty else { return nil }
        guard let level = LogLevel(argument: text) else {
            throw ValidationError(
                "the variable \(Self.levelVariable) is DEBUG, INFO, WARNING, ERROR, CRITICAL or FATAL")
        }
        return level
    }

    private var format: LogFormat {
        get throws {
            if let logFormat { return logFormat }
            guard let text = Environment[Self.formatVariable], !text.isEmpty else { return .text }
            guard let format = LogFormat(argument: text) else {
                throw ValidationError("the variable \(Self.formatVariable) is text or json")
            }
            return format
        }
    }

    /// The program's own logger, else that of a `LoggingSystem` which was bootstrapped, else the console.
    ///
    /// The level of a logger that is not the console's is its own, unless `--loglevel` or its variable is given.
    ///
    /// - Parameter own: what the program has passed.
    func console(own: Logger?) throws -> Console {
        try console(own: own, bootstrapped: Logger(label: Console.label))
    }

    func console(own: Logger?, bootstrapped: Logger) throws -> Console {
        var console: Console
        if let own {
            console = Console(logger: own)
        } else if !bootstrapped.handler.isDefault {
            console = Console(logger: bootstrapped)
        } else {
            console = Console(try format, noColor: noColor)
            console.logger.logLevel = .info
        }
        if let loglevel = try level() { console.logger.logLevel = loglevel.level }
        let idle = [logFormat == nil ? nil : "--log-format", noColor ? "--no-color" : nil].compactMap(\.self)
        if !idle.isEmpty, own != nil || !bootstrapped.handler.isDefault {
            console.logger.notice(
                "options that change nothing, because the program has a log of its own",
                metadata: ["options": "\(idle.joined(separator: " "))"])
        }
        return console
    }
}
