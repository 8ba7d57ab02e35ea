public import ArgumentParser

/// `status`: which workers are there.
public struct StatusCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show which workers are there, in whichever language.")

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Remote control") var options: RemoteControlOptions

    /// For the argument parser.
    public init() {}

    /// Asks and prints.
    public func run() async throws {
        try await RemoteControlRun(connection: connection, options: options, showsReplies: false)("ping", [:])
    }
}
