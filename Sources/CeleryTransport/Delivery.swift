public import CeleryProtocol

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
