/// When a consumer's socket is looked at: not for each message while they come in a stream.
struct ReadPace {
    /// So many messages in one read are a stream. Then the next ones may gather for a moment: the server writes them in
    /// small pieces, and a wake-up for each piece costs more than short tasks do.
    private static let streamingCount = 4
    private static let streamingPause = Duration.milliseconds(1)

    /// When the socket is looked at again; `nil` for at once.
    private(set) var due: ContinuousClock.Instant?

    /// Whether so many messages in one read are a stream.
    mutating func hasRead(_ count: Int, now: ContinuousClock.Instant) -> Bool {
        guard count >= Self.streamingCount else { return false }
        due = now + Self.streamingPause
        return true
    }

    /// The time is `now`.
    mutating func advance(to now: ContinuousClock.Instant) {
        if let due, due <= now { self.due = nil }
    }
}
