package import CeleryProtocol

/// What is to become of a dead letter.
package enum DeadLetterFate: Sendable, Hashable {
    /// It stays where it is.
    case stays
    /// It is deleted.
    case isDropped
    /// It goes to a queue; `nil` for the one that it comes from.
    case isRequeued(to: String?)
}

/// What became of dead letters.
package struct DeadLetterReport: Sendable {
    /// How many went to which queue.
    package var requeued: [String: Int] = [:]
    package var dropped = 0
    package var stayed = 0
    /// How many were to go or to be dropped that somebody else has taken meanwhile.
    package var gone = 0
    /// Those that could not go, which stay, as members of a case in a file of fixtures, with the reason.
    package var failures: [(message: JSONObject, error: TransportError)] = []
    /// What ended it before all were looked at; what was done until then is done.
    package var end: (any Error)?

    package init() {}
}
