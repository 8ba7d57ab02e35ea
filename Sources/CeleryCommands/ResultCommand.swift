public import ArgumentParser
internal import Celery
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// `result`: prints what a task returned.
public struct ResultCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "result", abstract: "Print the result of a task, or of a group, as JSON; waits until it has ended."
    )

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions

    @Argument(help: "The id of the task or group.", transform: NameArgument.name)
    var taskId: String

    @Flag(help: "Print the traceback instead.")
    var traceback = false

    @Flag(help: "The id is that of a group that was saved, as call --each does: prints a line for each task, in order.")
    var group = false

    @Option(
        parsing: .unconditional, help: "For how many seconds to connect and to wait.",
        transform: NumberArgument.positiveSeconds())
    var timeout: Duration?

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws {
        if group, traceback { throw ValidationError("--traceback is that of one task, not of a group") }
    }

    /// Prints the result.
    public func run() async throws {
        let deadline = CommandDeadline(timeout)
        let client = try connection.makeClient(
            for: WantedResults(what: "result", areOfOthers: true), logger: Console.ofCommands)
        if group {
            let results = try await deadline.closing(client) {
                let group = try await deadline.limit {
                    "the result backend has not said within \($0) which tasks the group has"
                } _: { [taskId] in
                    try await client.group(id: taskId)
                }
                guard let group else {
                    throw CeleryError(
                        .invalidArgument, "the result backend knows no group \(LogText.name(taskId)): it was not saved")
                }
                return try await deadline.ends(of: group)
            }
            return try GroupLines.print(results)
        }
        let text = try await deadline.closing(client) {
            do {
                let value = try await deadline.value(of: client.handle(id: taskId))
                return traceback ? "" : String(decoding: value.serialized(), as: UTF8.self)
            } catch let failure as TaskFailure where traceback {
                return LogText.lines(failure.traceback ?? "")
            }
        }
        print(text)
    }
}
