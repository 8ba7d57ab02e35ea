/// Names a delivered message towards the consumer that delivered it.
public struct DeliveryTag: Sendable, Hashable {
    /// The number; AMQP's delivery tag on RabbitMQ, a count on Redis.
    public let value: UInt64

    /// Makes a tag; for those who implement ``Consumer``.
    public init(_ value: UInt64) { self.value = value }
}
