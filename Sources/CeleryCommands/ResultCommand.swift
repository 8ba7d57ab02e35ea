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

    @OptionGroup var connection: ConnectionOptions

    @Argument(help: "The task's id.")
    var taskId: String

    @Flag(help: "Print the traceback instead.")
    var traceback = false

    @Option(
        parsing: .unconditional, help: "For how many seconds to connect and to wait.",
        transform: NumberArgument.positiveSeconds())
    var timeout: Double?

    /// For the argument parser.
    public init() {}

    /// Prints the result.
    public func run() async throws {
        let deadline = CommandDeadline(timeout)
        let client = try connection.makeClient(logger: LogLevel.warning.makeLogger())
        let text = try await deadline.run(client) { [taskId] in
            "task \(taskId) has not ended within \($0)"
        } _: { [taskId, traceback] () -> String in
            let task = client.handle(id: taskId)
            let value: JSONValue
            do {
                value = try await task.value()
            } catch let failure as TaskFailure where traceback {
                return LogText.lines(failure.traceback ?? "")
            }
            return traceback ? "" : String(decoding: value.serialized(), as: UTF8.self)
        }
        print(text)
    }
}
