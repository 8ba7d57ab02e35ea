public import ArgumentParser

/// `inspect`: asks workers what they do.
public struct InspectCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Ask workers, in whichever language, what they do.",
        discussion: RemoteCommandArguments.discussion(of: RemoteCommand.inspecting))

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Remote control") var options: RemoteControlOptions
    @OptionGroup var request: RemoteCommandArguments

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws { _ = try request.values(RemoteCommand.inspecting) }

    /// Asks and prints.
    public func run() async throws {
        try await RemoteControlRun(connection: connection, options: options)(
            request.command, request.values(RemoteCommand.inspecting))
    }
}
