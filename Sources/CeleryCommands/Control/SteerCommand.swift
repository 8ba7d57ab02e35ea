public import ArgumentParser

/// `control`: tells workers what to do.
public struct SteerCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "control", abstract: "Tell workers, in whichever language, what to do.",
        discussion: RemoteCommandArguments.discussion(of: RemoteCommand.steering))

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Remote control") var options: RemoteControlOptions
    @OptionGroup var request: RemoteCommandArguments

    /// For the argument parser.
    public init() {}

    /// Checks what the parser cannot know.
    public mutating func validate() throws { _ = try request.values(RemoteCommand.steering) }

    /// Asks and prints.
    public func run() async throws {
        try await RemoteControlRun(connection: connection, options: options)(
            request.command, request.values(RemoteCommand.steering))
    }
}
