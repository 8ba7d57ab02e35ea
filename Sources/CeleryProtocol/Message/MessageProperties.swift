/// The properties of a message, by AMQP's names.
public struct MessageProperties: Sendable, Hashable {
    /// What a reply refers to; Celery puts the task's id here.
    public var correlationID: String?
    /// The queue for `rpc://` results. Celery writes it whatever the result backend is.
    public var replyTo: String?
    /// 2 for messages that survive a restart of the broker, 1 for those that do not.
    public var deliveryMode: Int?
    /// The priority as the sender gave it, not clamped. On Redis 0 is served first, on RabbitMQ last.
    public var priority: Int?
    /// After how long RabbitMQ may drop the message: whole milliseconds, and fewer than 2^32. Redis takes no notice of it,
    /// nor of how many there are.
    public var expiration: Duration?
    /// The exchange the message was published to, `""` for the default exchange; `nil` when unknown.
    public var exchange: String?
    /// The routing key the message was published with; `nil` when unknown.
    public var routingKey: String?
    /// Whether the message was delivered before.
    public var isRedelivered: Bool
    /// On Redis the sender's unique key of the message; `nil` elsewhere.
    public var deliveryTag: String?
    /// Whatever else a kombu envelope's properties held, kept when the message is passed on.
    public var other: JSONObject

    /// Makes properties; those that are not given are absent.
    public init(
        correlationID: String? = nil,
        replyTo: String? = nil,
        deliveryMode: Int? = 2,
        priority: Int? = nil,
        expiration: Duration? = nil,
        exchange: String? = nil,
        routingKey: String? = nil,
        isRedelivered: Bool = false,
        deliveryTag: String? = nil,
        other: JSONObject = [:]
    ) {
        self.correlationID = correlationID
        self.replyTo = replyTo
        self.deliveryMode = deliveryMode
        self.priority = priority
        self.expiration = expiration
        self.exchange = exchange
        self.routingKey = routingKey
        self.isRedelivered = isRedelivered
        self.deliveryTag = deliveryTag
        self.other = other
    }
}

extension Duration {
    /// The expiration of a message as AMQP writes it: a number of milliseconds, in decimal digits. `nil` for every other
    /// text, which RabbitMQ would not let pass.
    package init?(expiration text: String) {
        guard let milliseconds = Int(text), text.utf8.allSatisfy(JSONBytes.isDigit) else { return nil }
        self = .milliseconds(milliseconds)
    }

    /// This span as AMQP writes the expiration of a message.
    package var expirationText: String { String(inMilliseconds) }
}
