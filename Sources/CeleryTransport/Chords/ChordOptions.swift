/// How a result store joins chords.
public struct ChordOptions: Sendable, Hashable {
    /// Whether results come to the body in the header's order, and not in that in which the tasks have ended
    /// (`result_chord_ordered` of `result_backend_transport_options`). All workers must agree on it.
    public var isOrdered: Bool
    /// After how long what is known of an unfinished chord goes away (`result_chord_expires`); `nil` for as long as results
    /// are kept, zero for never.
    public var expires: Duration?
    /// Twice this time, five seconds at least, is how long a worker that joins a chord's results is waited for before
    /// another one may send the body (`result_chord_join_timeout`).
    public var joinTimeout: Duration

    /// Makes options; the defaults are Celery's.
    public init(isOrdered: Bool = true, expires: Duration? = nil, joinTimeout: Duration = .seconds(3)) {
        self.isOrdered = isOrdered
        self.expires = expires
        self.joinTimeout = joinTimeout
    }

    /// How long a claim lasts at first, in seconds.
    package var claimSeconds: Int { max(5, Int(clamping: (joinTimeout * 2).components.seconds)) }
    /// How long it is remembered that a chord has ended, in seconds.
    package var endSeconds: Int { max(2 * claimSeconds, 300) }
}
