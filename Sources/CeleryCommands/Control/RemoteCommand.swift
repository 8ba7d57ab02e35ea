internal import ArgumentParser
internal import CeleryProtocol

/// A command of remote control as a command line has it: its arguments have no names there. These are Celery's own; workers
/// may have others, whose arguments are given as `name=value`.
struct RemoteCommand: Sendable {
    /// What an argument is.
    enum Kind: Sendable {
        case text, whole, number, flag
    }

    let name: String
    /// For people.
    let abstract: String
    /// The arguments that are given by their position.
    var positions: [(name: String, kind: Kind)] = []
    /// The argument that takes all that follows.
    var rest: String?

    /// What is only looked at: `celery inspect`.
    static let inspecting: [RemoteCommand] = [
        RemoteCommand(name: "active", abstract: "the tasks that run"),
        RemoteCommand(name: "active_queues", abstract: "the queues that are consumed"),
        RemoteCommand(name: "clock", abstract: "the logical clock"),
        RemoteCommand(name: "conf", abstract: "the settings", positions: [("with_defaults", .flag)]),
        RemoteCommand(name: "memdump", abstract: "what memory was used", positions: [("samples", .whole)]),
        RemoteCommand(name: "memsample", abstract: "how much memory is used"),
        RemoteCommand(
            name: "objgraph", abstract: "a graph of Python's objects",
            positions: [("type", .text), ("num", .whole), ("max_depth", .whole)]),
        RemoteCommand(name: "ping", abstract: "whether it is there"),
        RemoteCommand(name: "query_task", abstract: "where tasks are, by their ids", rest: "ids"),
        RemoteCommand(name: "registered", abstract: "the tasks that it can run", rest: "taskinfoitems"),
        RemoteCommand(name: "report", abstract: "what it is, for a report of a fault"),
        RemoteCommand(name: "reserved", abstract: "the tasks that wait for their turn"),
        RemoteCommand(name: "revoked", abstract: "the ids of tasks that are not to run"),
        RemoteCommand(name: "scheduled", abstract: "the tasks that wait for their eta"),
        RemoteCommand(name: "stats", abstract: "how much it has done"),
    ]

    /// What changes something: `celery control`.
    static let steering: [RemoteCommand] = [
        RemoteCommand(
            name: "add_consumer", abstract: "consume a queue",
            positions: [("queue", .text), ("exchange", .text), ("exchange_type", .text), ("routing_key", .text)]),
        RemoteCommand(
            name: "autoscale", abstract: "how many tasks may run, at most and at least",
            positions: [("max", .whole), ("min", .whole)]),
        RemoteCommand(
            name: "cancel_consumer", abstract: "consume a queue no longer", positions: [("queue", .text)]),
        RemoteCommand(name: "disable_events", abstract: "send no events of tasks"),
        RemoteCommand(name: "election", abstract: "choose one of the workers"),
        RemoteCommand(name: "enable_events", abstract: "send events of tasks"),
        RemoteCommand(name: "heartbeat", abstract: "send a heartbeat at once"),
        RemoteCommand(name: "pool_grow", abstract: "run more tasks at a time", positions: [("n", .whole)]),
        RemoteCommand(name: "pool_restart", abstract: "start the pool anew"),
        RemoteCommand(name: "pool_shrink", abstract: "run fewer tasks at a time", positions: [("n", .whole)]),
        RemoteCommand(
            name: "rate_limit", abstract: "how often tasks of a name may start, such as 10/m",
            positions: [("task_name", .text), ("rate_limit", .text)]),
        RemoteCommand(name: "revoke", abstract: "tasks are not to run, by their ids", rest: "task_id"),
        RemoteCommand(
            name: "revoke_by_stamped_headers", abstract: "tasks are not to run, by their stamps, name=value",
            rest: "headers"),
        RemoteCommand(name: "shutdown", abstract: "end, as at SIGTERM"),
        RemoteCommand(
            name: "terminate", abstract: "end tasks, by their ids", positions: [("signal", .text)], rest: "task_id"),
        RemoteCommand(
            name: "time_limit", abstract: "how long tasks of a name may run, in seconds",
            positions: [("task_name", .text), ("soft", .number), ("hard", .number)]),
    ]

    /// How its arguments are written.
    var usage: String {
        ([name] + positions.map { "<\($0.name)>" } + (rest.map { ["<\($0)> …"] } ?? [])).joined(separator: " ")
    }

    /// The arguments by their names.
    func arguments(_ texts: [String]) throws -> JSONObject {
        var arguments: JSONObject = [:]
        for (position, text) in zip(positions, texts) { arguments[position.name] = try Self.value(text, position) }
        let others = texts.dropFirst(positions.count)
        if let rest {
            if positions.isEmpty || !others.isEmpty { arguments[rest] = .array(others.map(JSONValue.string)) }
        } else if let surplus = others.first {
            throw ValidationError("\(name) does not take '\(surplus)': it is written \(usage)")
        }
        return arguments
    }

    /// The arguments of a command that is not Celery's.
    static func namedArguments(_ texts: [String]) throws -> JSONObject {
        var arguments: JSONObject = [:]
        for text in texts {
            guard let mark = text.firstIndex(of: "="), mark > text.startIndex else {
                throw ValidationError(
                    "'\(text)' is no argument: the arguments of such a command are written name=value")
            }
            arguments[String(text[..<mark])] = value(String(text[mark...].dropFirst()))
        }
        return arguments
    }

    /// JSON where it is some, else the text itself.
    private static func value(_ text: String) -> JSONValue {
        do { return try JSONValue(json: text) } catch { return .string(text) }
    }

    private static func value(_ text: String, _ argument: (name: String, kind: Kind)) throws -> JSONValue {
        switch argument.kind {
        case .text: return .string(text)
        case .whole:
            if let number = Int(text) { return .integer(number) }
            throw ValidationError("\(argument.name) must be a whole number, not '\(text)'")
        case .number:
            if let number = Double(text), number.isFinite { return .double(number) }
            throw ValidationError("\(argument.name) must be a number, not '\(text)'")
        case .flag:
            switch text.lowercased() {
            case "1", "true", "yes", "on", "t", "y": return true
            case "0", "false", "no", "off", "f", "n": return false
            default: throw ValidationError("\(argument.name) must be yes or no, not '\(text)'")
            }
        }
    }
}
