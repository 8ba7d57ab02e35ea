public import CeleryProtocol

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// How a task is sent; the options of Celery's `apply_async`.
public struct SendOptions: Sendable, Hashable {
    /// A point in time, absolute or relative to the sending.
    public enum Time: Sendable, Hashable {
        /// So long after the sending.
        case after(Duration)
        /// At this time.
        case at(Date)
    }

    /// When the task is to run at the earliest (`countdown`, `eta`); `nil` for at once.
    public var eta: Time?
    /// After which time the task is not to start any more (`expires`); `nil` for no limit.
    public var expires: Time?
    /// The name of the queue; `nil` leaves it to the routing table.
    public var queue: String?
    /// The exchange, for routing past the queues; together with ``routingKey``, without which a ``queue`` that is named
    /// counts more, as in Celery.
    public var exchange: String?
    /// The routing key, for ``exchange`` or for the exchange of the queue; `nil` for the queue's. A queue of a direct
    /// exchange is reached by its name, whatever the key, as in Celery.
    public var routingKey: String?
    /// The message's priority, 0 to 9; on Redis 0 is served first, on RabbitMQ last.
    public var priority: Int?
    /// Whether tasks for which nothing says a priority have that of the task that sends them
    /// (`task_inherit_parent_priority`); `nil` for the default, which is no.
    public var inheritsPriority: Bool?
    /// The task's id; `nil` for a new UUID.
    public var id: String?
    /// Headers of your own, which the task finds in its request.
    public var headers: JSONObject
    /// A name to show instead of the task's.
    public var shadow: String?
    /// After how long the task has failed with `TimeLimitExceeded`, whatever it does (`time_limit`). Python workers obey it
    /// only with the pool of processes.
    public var timeLimit: Duration?
    /// After how long the task is cancelled, in Python interrupted with `SoftTimeLimitExceeded` (`soft_time_limit`). Python
    /// workers obey it only with the pool of processes.
    public var softTimeLimit: Duration?
    /// Whether the result is not wanted; `nil` leaves it to the task. Of a chain only that of its first step, as in Celery:
    /// what is wanted of the last one say its own options. Of a group it is that of each task, of a chord also that of
    /// its body.
    public var ignoreResult: Bool?
    /// Whether the body is compressed with zlib (Celery's `compression="gzip"`); `nil` for the default, which is not.
    public var isCompressed: Bool?
    /// How often the sending is tried again when a connection breaks meanwhile (`retry_policy`, `max_retries`; 0 for
    /// `retry=False`); `nil` for the default, which is 3. The first time it is at once, then within fractions of a second.
    public var publishRetries: Int?
    /// Whether what is to follow the failure of a chord follows that of each task of its header too
    /// (`task_allow_error_cb_on_chord_header`); `nil` for the default, which is no.
    public var linksErrorsToHeaders: Bool?

    /// Makes options. `countdown` is short for an eta after so long, and counts when both are given.
    public init(
        countdown: Duration? = nil,
        eta: Date? = nil,
        expires: Time? = nil,
        queue: String? = nil,
        exchange: String? = nil,
        routingKey: String? = nil,
        priority: Int? = nil,
        inheritsPriority: Bool? = nil,
        id: String? = nil,
        headers: JSONObject = [:],
        shadow: String? = nil,
        timeLimit: Duration? = nil,
        softTimeLimit: Duration? = nil,
        ignoreResult: Bool? = nil,
        isCompressed: Bool? = nil,
        publishRetries: Int? = nil,
        linksErrorsToHeaders: Bool? = nil
    ) {
        self.eta = countdown.map(Time.after) ?? eta.map(Time.at)
        self.expires = expires
        self.queue = queue
        self.exchange = exchange
        self.routingKey = routingKey
        self.priority = priority
        self.inheritsPriority = inheritsPriority
        self.id = id
        self.headers = headers
        self.shadow = shadow
        self.timeLimit = timeLimit
        self.softTimeLimit = softTimeLimit
        self.ignoreResult = ignoreResult
        self.isCompressed = isCompressed
        self.publishRetries = publishRetries
        self.linksErrorsToHeaders = linksErrorsToHeaders
    }
}

extension SendOptions.Time {
    /// The point in time, for a task that is sent `now`.
    func date(now: Date) -> Date {
        switch self {
        case .after(let duration): now.addingTimeInterval(duration.inSeconds)
        case .at(let date): date
        }
    }
}
