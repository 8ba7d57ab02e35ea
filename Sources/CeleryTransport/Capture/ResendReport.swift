/// What became of messages that were to be sent again, by their positions.
package struct ResendReport: Sendable {
    /// Those up to this one were tried.
    package var tried = 0
    /// Why some of these were not sent.
    package var failures: [Int: TransportError] = [:]
    /// Those that were on their way when the end came: the broker may have them or not.
    package var unknown: [Int] = []
    /// What ended it before all were tried or known.
    package var end: (any Error)?

    package init() {}

    /// How many the broker has.
    package var sent: Int { tried - failures.count - unknown.count }
}
