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

    /// An exchange of which the sender does not know who is bound to it, if anybody: the exchange alone is declared, and a
    /// message that nobody wants is none the worse. So Celery sends its events, its remote control and the replies to it.
    public init(exchange: String, type: Queue.ExchangeType, isDurable: Bool, routingKey: String) {
        self.init(
            exchange: exchange, routingKey: routingKey,
            queue: Queue("", exchange: exchange, exchangeType: type, routingKey: "", isExchangeDurable: isDurable))
    }
}
