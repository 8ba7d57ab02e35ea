/// What a consumer reads and how much of it it holds at a time.
public struct ConsumerConfiguration: Sendable, Hashable {
    /// The queues.
    public var queues: [Queue]
    /// How many unsettled messages may be held; 0 for no limit. Celery: concurrency × `worker_prefetch_multiplier`.
    public var prefetch: Int
    /// Whether messages count as settled when they have arrived here, as for `rpc://` results.
    public var isAutoAcknowledging: Bool
    /// Whether closing the consumer deletes its queues, where the broker has such a thing: for queues that are one
    /// process's own.
    public var deletesQueues: Bool
    /// The consumer's name in logs and in the broker's lists of connections.
    public var name: String

    /// Makes a configuration.
    public init(
        queues: [Queue], prefetch: Int, isAutoAcknowledging: Bool = false, deletesQueues: Bool = false,
        name: String = "celery-swift"
    ) {
        self.queues = queues
        self.prefetch = prefetch
        self.isAutoAcknowledging = isAutoAcknowledging
        self.deletesQueues = deletesQueues
        self.name = name
    }
}
