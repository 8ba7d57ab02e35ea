public import CeleryProtocol

/// Names a delivered message towards the consumer that delivered it.
public struct DeliveryTag: Sendable, Hashable {
    /// The number; AMQP's delivery tag on RabbitMQ, a count on Redis.
    public let value: UInt64

    /// Makes a tag; for those who implement ``Consumer``.
    public init(_ value: UInt64) { self.value = value }
}

/// A message handed to a consumer, which owes the broker a ``Settlement`` for it.
public struct Delivery: Sendable {
    /// What to settle it by.
    public let tag: DeliveryTag
    /// The queue it came from; empty where the broker does not say.
    public let queue: String
    /// The message, or why it could not be read.
    public let message: Result<Message, MessageError>
    /// The bytes as they came: the whole envelope on Redis, the body on RabbitMQ.
    public let raw: [UInt8]

    /// Makes a delivery; for those who implement ``Consumer``.
    public init(tag: DeliveryTag, queue: String, message: Result<Message, MessageError>, raw: [UInt8]) {
        self.tag = tag
        self.queue = queue
        self.message = message
        self.raw = raw
    }
}

/// What became of a delivered message.
public enum Settlement: Sendable, Hashable {
    /// It is done with.
    case acknowledge
    /// It goes back to its queue, to be delivered again.
    case requeue
    /// It goes back unused, to be delivered next.
    case giveBack
    /// It is dropped, or goes where the queue sends its dead letters.
    case discard
    /// It could not be run, for the reason given: it goes where an operator finds it. On RabbitMQ the queue's
    /// dead-letter exchange decides; on Redis it goes to the list `<queue>.dead-letter`.
    case deadLetter(reason: String)
}
