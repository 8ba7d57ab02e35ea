internal import CeleryTransport

/// One of the things to do when a task has ended.
enum FinishingStep: Sendable {
    /// Send something.
    indirect case send(OutgoingStep)
    /// Store states, those of one task in this order.
    case store([StoredResult])
    /// Count a part of a chord, and see to the chord if that completes it.
    indirect case report(ChordReport)
    /// Say that a chord which was complete is seen to.
    indirect case endChord(ChordEnding)
    /// Tell an errback of this worker of a failure.
    indirect case call(ErrbackCall)
    /// Tell the broker what becomes of the message.
    case settle(Settlement)
}
