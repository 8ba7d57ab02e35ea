internal import ArgumentParser

/// A number of seconds on a command line. What is no number, not finite or beyond some 292 years is refused, so that
/// nothing that is reckoned with it can overflow.
struct Seconds: ExpressibleByArgument {
    private static let limit = 9_223_372_036.0

    let seconds: Double

    init?(argument: String) {
        guard let seconds = Double(argument), seconds.magnitude < Self.limit else { return nil }
        self.seconds = seconds
    }

    var duration: Duration { .seconds(seconds) }
}
