internal import ArgumentParser
internal import CeleryProtocol

/// A command of remote control with its arguments, as `inspect` and `control` take them.
struct RemoteCommandArguments: ParsableArguments {
    @Argument(help: "The command.", transform: NameArgument.name)
    var command: String

    @Argument(help: "Its arguments.")
    var arguments: [String] = []

    /// For the argument parser.
    init() {}

    /// The arguments by their names.
    ///
    /// - Parameter known: the commands whose arguments have places.
    func values(_ known: [RemoteCommand]) throws -> JSONObject {
        let known = known.first { $0.name == command }
        return try known.map { try $0.arguments(arguments) } ?? RemoteCommand.namedArguments(arguments)
    }

    /// What the help says of these commands.
    static func discussion(of known: [RemoteCommand]) -> String {
        (["Commands:"] + known.map { "  \($0.usage): \($0.abstract)" } + [
            "Others that workers know are asked for with arguments such as name=value."
        ]).joined(separator: "\n")
    }
}
