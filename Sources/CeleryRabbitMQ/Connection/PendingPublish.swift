internal import CeleryProtocol
internal import CeleryTransport

/// A publish from its caller's wish until its end. It belongs to its connection's machine.
final class PendingPublish {
    /// Whoever waits for it.
    let token: UInt64
    let message: Message
    let destination: Destination
    /// When it was written last; `nil` while it waits for that.
    var writtenAt: ContinuousClock.Instant?
    /// Whether the server has given it back, because no queue takes it.
    var isReturned = false
    /// Whether its queue was declared anew over it.
    var isSecondTry = false
    /// Whether nobody waits for it any more.
    var hasEnded = false

    init(token: UInt64, message: Message, destination: Destination) {
        self.token = token
        self.message = message
        self.destination = destination
    }

    /// A message for a queue must arrive in it. What goes to an exchange, or to whoever waits for a reply, may find
    /// nobody who wants it.
    var isMandatory: Bool { destination.queue.map { !$0.isExchangeAlone } ?? false }

    /// Whether the server speaks of this message. It names no number when it gives one back; of two that are alike in
    /// all this it does not matter which one is sent again.
    func matches(_ returned: ReturnedMessage) -> Bool {
        isMandatory && !isReturned && destination.exchange == returned.exchange
            && destination.routingKey == returned.routingKey
            && message.properties.correlationID == returned.correlationID && message.body == returned.body
    }
}
