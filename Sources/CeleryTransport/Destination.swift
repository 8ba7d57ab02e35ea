/// Where a message is published to.
public struct Destination: Sendable, Hashable {
    /// The exchange; `""` is the default exchange, where the routing key is the queue's name.
    public var exchange: String
    /// The routing key.
    public var routingKey: String
    /// The queue to declare, once per connection, before the first message goes to it; `nil` to declare nothing.
    public var queue: Queue?

    /// Makes a destination from its parts.
    public init(exchange: String, routingKey: String, queue: Queue? = nil) {
        self.exchange = exchange
        self.routingKey = routingKey
        self.queue = queue
    }

    /// The queue itself, declared if it does not exist: how Celery sends to queues with a direct exchange.
    public init(queue: Queue) {
        self.init(exchange: "", routingKey: queue.name, queue: queue)
    }
}
