internal import ArgumentParser
internal import Celery
internal import CeleryProtocol

/// Whom a command of remote control is for, and how its replies are shown.
struct RemoteControlOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, parsing: .unconditional, help: "For how many seconds to wait for replies.",
        transform: NumberArgument.positiveSeconds())
    var timeout: Duration = ControlClient.usualTimeout

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The names of the nodes that it is for, separated by commas. Default: all.", valueName: "nodes"))
    var destination: String?

    @Flag(name: .shortAndLong, help: "Print one JSON object, with a key for each node.")
    var json = false

    /// For the argument parser.
    init() {}

    var audience: NodeAudience {
        destination.map { .named($0.split(separator: ",").map { $0.trimmingSpace() }) } ?? .all
    }
}
