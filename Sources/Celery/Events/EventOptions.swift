/// How events go through the broker; the defaults are Celery's, and must be the same for all who are to hear each other.
public struct EventOptions: Sendable, Hashable {
    /// Whether each task that is sent is told of, `task-sent` (`task_send_sent_event`).
    public var sendsSentEvents: Bool
    /// The exchange (`event_exchange`).
    public var exchange: String
    /// What the names of the queues of those who listen begin with (`event_queue_prefix`).
    public var queuePrefix: String
    /// For how long RabbitMQ keeps an event for somebody who listens and does not take it (`event_queue_ttl`); `nil` for as
    /// long as it takes.
    public var timeToLive: Duration?
    /// After how long without use RabbitMQ drops such a queue (`event_queue_expires`); `nil` for never.
    public var queueExpires: Duration?

    /// Makes options.
    public init(
        sendsSentEvents: Bool = false, exchange: String = "celeryev", queuePrefix: String = "celeryev",
        timeToLive: Duration? = .seconds(5),
        queueExpires: Duration? = .seconds(60)
    ) {
        self.sendsSentEvents = sendsSentEvents
        self.exchange = exchange
        self.queuePrefix = queuePrefix
        self.timeToLive = timeToLive
        self.queueExpires = queueExpires
    }
}
