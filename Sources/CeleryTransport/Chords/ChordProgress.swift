/// How far a chord is after a part of it was recorded.
public enum ChordProgress: Sendable, Hashable {
    /// Other parts are still to come, or the sender has not said yet how many there are. Nothing is to be done.
    case waiting
    /// All parts are there, and this worker is the one that sends the body.
    case complete(ChordClaim)
    /// All parts are there, and somebody else is about to send the body. If it dies over that nobody does, unless the
    /// same part, which still counts once, is recorded again when so much time has passed: then either the chord has
    /// ended, or it is this worker's.
    case claimed(remaining: Duration)
    /// The body was sent before; this part is a repetition. Nothing is to be done.
    case alreadyEnded
}
