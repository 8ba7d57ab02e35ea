public import ArgumentParser
internal import CeleryProtocol

/// `inspect`: asks workers what they do.
public struct InspectCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Ask workers, in whichever language, what they do.",
        discussion: (["Commands:"] + RemoteCommand.inspecting.map { "  \($0.usage): \($0.abstract)" } + [
            "Others that workers know are asked for with arguments such as name=value."
        ]).joined(separator: "\n"))

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Remote control") var options: RemoteControlOptions

    @Argument(help: "The command.", transform: NameArgument.name)
    var command: String

    @Argument(help: "Its arguments.")
    var arguments: [String] = []

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws { _ = try values }

    private var values: JSONObject {
        get throws {
            let known = RemoteCommand.inspecting.first { $0.name == command }
            return try known.map { try $0.arguments(arguments) } ?? RemoteCommand.namedArguments(arguments)
        }
    }

    /// Asks and prints.
    public func run() async throws {
        try await RemoteControlRun(connection: connection, options: options)(command, values)
    }
}
