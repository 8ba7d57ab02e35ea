/// A value was asked for, and the task ended without one.
public struct UnexpectedOutcome: Error, Sendable, CustomStringConvertible {
    /// How it ended.
    public let outcome: Replay.Outcome

    /// One line that says so.
    public var description: String { "the task did not end with a value: \(outcome)" }
}
