public import ArgumentParser
internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// `call`: sends a task by its name and prints its id.
public struct CallCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Send a task by its name; prints its id, or with --wait what it returned.")

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions

    @Argument(help: "The task's name.", transform: NameArgument.name)
    var name: String

    @Option(name: [.short, .long], help: "The positional arguments, a JSON array.")
    var args = CallCommand.noArguments

    @Option(name: [.short, .long], help: "The keyword arguments, a JSON object.")
    var kwargs = "{}"

    @Option(
        help: ArgumentHelp(
            "Send the task once for each line of a file, as a group: a JSON array of positional arguments or an object of keyword arguments; - is standard input. Prints the group's id, or with --wait a line for each result, in order, and on a terminal how far it is.",
            valueName: "file"),
        completion: .file())
    var each: String?

    @Option(
        parsing: .unconditional, help: "Run the task so many seconds from now at the earliest.",
        transform: NumberArgument.seconds)
    var countdown: Duration?

    @Option(parsing: .unconditional, help: "Run the task at this time at the earliest, in ISO 8601.")
    var eta: String?

    @Option(
        parsing: .unconditional,
        help: "Do not start the task later than so many seconds from now, or than a time in ISO 8601.")
    var expires: String?

    @Option(help: "The queue. Default: as task_routes says, else task_default_queue.", transform: NameArgument.name)
    var queue: String?

    @Option(help: "The exchange, instead of a queue.", transform: NameArgument.nameOrNothing)
    var exchange: String?

    @Option(
        help: "The routing key; with --exchange, or for the queue's topic exchange.",
        transform: NameArgument.nameOrNothing)
    var routingKey: String?

    @Option(
        parsing: .unconditional,
        help: "The priority: on Redis 0 is served first and 9 last, on RabbitMQ the other way round.",
        transform: NumberArgument.whole(0...255))
    var priority: Int?

    @Option(help: "The task's id; a new UUID by default.", transform: NameArgument.name)
    var taskId: String?

    @Option(
        parsing: .unconditional,
        help: "The hard time limit in seconds. Only Python workers obey it, those of the pool of processes.",
        transform: NumberArgument.positiveSeconds())
    var timeLimit: Duration?

    @Option(
        parsing: .unconditional,
        help: "The soft time limit in seconds. Only Python workers obey it, those of the pool of processes.",
        transform: NumberArgument.positiveSeconds())
    var softTimeLimit: Duration?

    @Flag(help: "Wait for the result and print it as JSON.")
    var wait = false

    @Option(
        parsing: .unconditional,
        help: "For how many seconds to connect, to send and, with --wait, to wait for the result.",
        transform: NumberArgument.positiveSeconds())
    var timeout: Duration?

    private static let noArguments = "[]"

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws {
        _ = try (arguments, keywords, options)
        guard queue == nil || exchange == nil || routingKey != nil else {
            throw ValidationError("--exchange together with --queue needs --routing-key: the queue alone would count")
        }
        guard each == nil || (taskId == nil && args == Self.noArguments) else {
            throw ValidationError(
                "--each sends many tasks: each has an id of its own and its arguments from its line; --kwargs are those of all"
            )
        }
    }

    private var arguments: [JSONValue] {
        get throws {
            guard case .array(let arguments) = try Self.json(args, "--args") else {
                throw ValidationError("--args must be a JSON array")
            }
            return arguments
        }
    }

    private var keywords: JSONObject {
        get throws {
            guard case .object(let keywords) = try Self.json(kwargs, "--kwargs") else {
                throw ValidationError("--kwargs must be a JSON object")
            }
            return keywords
        }
    }

    private var options: SendOptions {
        get throws {
            var options = SendOptions(
                countdown: countdown, queue: queue, exchange: exchange, routingKey: routingKey,
                priority: priority, id: taskId, timeLimit: timeLimit, softTimeLimit: softTimeLimit)
            if let eta { options.eta = .at(try Self.time(eta, "--eta")) }
            if let expires { options.expires = try Self.expiry(expires) }
            return options
        }
    }

    /// Sends the task.
    public func run() async throws {
        let deadline = CommandDeadline(timeout)
        let (arguments, keywords, options) = try (arguments, keywords, options)
        let calls = try each.map { try CallList.read($0, keywords: keywords) }
        let client = try connection.makeClient(
            for: wait ? WantedResults(what: "--wait", areOfOthers: false) : nil,
            logger: Console.ofCommands)
        if let calls {
            let results = try await deadline.closing(client) {
                try await send(calls, options, client, deadline)
            }
            return try GroupLines.print(results)
        }
        let text = try await deadline.closing(client) {
            let task = try await deadline.limit {
                "the broker has not taken the task within \($0); it may have got it nevertheless"
            } _: { [name] in
                try await client.enqueue(named: name, arguments: arguments, keywords: keywords, options: options)
            }
            guard wait else { return task.id }
            return String(decoding: try await deadline.value(of: task).serialized(), as: UTF8.self)
        }
        print(text)
    }

    /// Sends the calls as a group.
    ///
    /// - Returns: how they have ended, if that is wanted.
    private func send(
        _ calls: [CallList.Call], _ options: SendOptions, _ client: CeleryClient, _ deadline: CommandDeadline
    ) async throws -> [TaskResult] {
        let signatures = calls.map { Signature(task: name, arguments: $0.arguments, keywords: $0.keywords) }
        let group = try await deadline.limit {
            "the broker has not taken the \(signatures.count) tasks within \($0); it may have got them nevertheless"
        } _: {
            let group = try await client.enqueue(contentsOf: signatures, options: options)
            // For `result --group`, where there is a place for it.
            do {
                try await group.save()
            } catch let error as CeleryError where error.code == .noResultBackend {
            } catch let error as TransportError where error.code == .unsupported {
            }
            return group
        }
        if wait { return try await deadline.ends(of: group) }
        LogOutput.standardOutput.write(group.id + "\n")
        return []
    }

    private static func json(_ text: String, _ option: String) throws -> JSONValue {
        do {
            return try JSONValue(json: text)
        } catch {
            throw ValidationError("\(option) is not JSON: \(error)")
        }
    }

    private static func expiry(_ text: String) throws -> SendOptions.Time {
        guard Double(text) != nil else { return .at(try time(text, "--expires")) }
        do {
            return .after(try NumberArgument.seconds(text))
        } catch {
            throw ValidationError("The value '\(text)' is invalid for '--expires <expires>': \(error)")
        }
    }

    private static func time(_ text: String, _ option: String) throws -> Date {
        do {
            return try PythonDateTime(isoparse: text).date()
        } catch {
            throw ValidationError("\(option) is no time: \(error)")
        }
    }
}
