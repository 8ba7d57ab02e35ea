internal import CeleryTransport

/// How chords are joined where results go.
enum ChordSupport: Sendable, Hashable {
    /// The result store counts their parts.
    case counted
    /// A task looks after each of them until it can be joined.
    case polled
    /// There are none, for this reason.
    case none(String)

    /// What a store can do.
    init(_ store: (any ResultStore)?) {
        self =
            if let store {
                store.joinsChords ? .counted : store.keepsResults ? .polled : .none(Self.unreadable)
            } else {
                .none(Self.noBackend)
            }
    }

    static let noBackend = "a chord needs a result backend, and there is none"
    private static let unreadable =
        "this result backend does not support chords: a result is only read once, by the sender of its task"
}
