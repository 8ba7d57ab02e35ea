internal import CeleryTransport

/// One of the things to do when a task has ended.
enum FinishingStep: Sendable {
    /// Send a message.
    indirect case send(OutgoingMessage)
    /// Store states, those of one task in this order.
    case store([StoredResult])
    /// Tell the broker what becomes of the message.
    case settle(Settlement)
}
