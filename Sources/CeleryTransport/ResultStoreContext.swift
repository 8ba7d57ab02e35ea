public import Logging

/// What a result backend may use of the client or worker that it belongs to.
public struct ResultStoreContext: Sendable {
    /// The broker; `rpc://` results travel over it.
    public var broker: any Broker
    /// The id of this process as a receiver of replies (Celery's oid).
    public var replyTo: String
    /// Where to log.
    public var logger: Logger

    /// Makes a context.
    public init(broker: any Broker, replyTo: String, logger: Logger) {
        self.broker = broker
        self.replyTo = replyTo
        self.logger = logger
    }
}
