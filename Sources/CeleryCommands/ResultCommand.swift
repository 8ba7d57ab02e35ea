public import ArgumentParser
internal import Celery
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// `result`: prints what a task returned.
public struct ResultCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "result", abstract: "Print the result of a task as JSON; waits until the task has ended.")

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions

    @Argument(help: "The task's id.", transform: NameArgument.name)
    var taskId: String

    @Flag(help: "Print the traceback instead.")
    var traceback = false

    @Option(
        parsing: .unconditional, help: "For how many seconds to connect and to wait.",
        transform: NumberArgument.positiveSeconds())
    var timeout: Duration?

    /// For the argument parser.
    public init() {}

    /// Prints the result.
    public func run() async throws {
        let deadline = CommandDeadline(timeout)
        let client = try connection.makeClient(
            for: WantedResults(what: "result", areOfOthers: true), logger: Console.ofCommands)
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
