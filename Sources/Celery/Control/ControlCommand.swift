public import CeleryProtocol

/// A command of remote control: what `celery inspect NAME` and `celery control NAME` ask a worker for.
///
///     try CeleryWorker(broker: .redis(url), commands: [
///         ControlCommand("cache_size") { _ in ["ok": .integer(await cache.count)] }
///     ]) { … }
///
/// A command of a user's own counts more than one of Celery's with the same name.
public struct ControlCommand: Sendable {
    /// What a command comes to.
    enum Answer: Sendable {
        case reply(JSONValue)
        /// Nobody is told anything; what Celery's `shutdown` does.
        case silence
    }

    /// The name.
    public let name: String
    /// Older names of it.
    let aliases: [String]
    let run: @Sendable (WorkerState, ControlArguments) async throws -> Answer

    /// A command of a user's own.
    ///
    /// - Parameters:
    ///   - name: the name that it is asked for by.
    ///   - body: returns the reply, as a rule an object with the key `ok` or `error`. What it throws is the reply too, as
    ///     `{"error": text}`. Commands run one after the other, beside the tasks.
    public init(_ name: String, _ body: @escaping @Sendable (_ arguments: ControlArguments) async throws -> JSONValue) {
        self.init(name) { _, arguments in try await body(arguments) }
    }

    /// A command of Celery's.
    init(
        _ name: String, aliases: [String] = [],
        _ body: @escaping @Sendable (WorkerState, ControlArguments) async throws -> JSONValue
    ) {
        self.name = name
        self.aliases = aliases
        run = { .reply(try await body($0, $1)) }
    }

    /// A command that nobody hears of.
    init(silent name: String, _ body: @escaping @Sendable (WorkerState, ControlArguments) async throws -> Void) {
        self.name = name
        aliases = []
        run = {
            try await body($0, $1)
            return .silence
        }
    }
}

extension ControlCommand {
    /// The commands by all of their names; of two with the same name the later one counts.
    static func byName(_ commands: [ControlCommand]) -> [String: ControlCommand] {
        var found: [String: ControlCommand] = [:]
        for command in commands {
            for name in [command.name] + command.aliases { found[name] = command }
        }
        return found
    }
}
