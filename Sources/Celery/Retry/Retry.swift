public import CeleryProtocol

/// Thrown by a handler to have its task tried again; Celery's `self.retry()`.
public struct Retry: Error, Sendable {
    /// How long to wait before the next try; `nil` leaves it to the handler's ``RetryPolicy``.
    public var countdown: Duration?
    /// What went wrong; stored with the state RETRY, and as the failure when there are no tries left.
    public var reason: (any Error)?
    /// What is different in the next try.
    public var changes: Changes
    /// How many times the task is tried again at most, in this run's opinion (`max_retries`); `nil` leaves it to the
    /// handler's ``RetryPolicy``.
    public var maxRetries: Int?

    /// Asks for another try.
    ///
    /// - Parameters:
    ///   - countdown: how long to wait before it; `nil` leaves it to the handler's ``RetryPolicy``.
    ///   - reason: what went wrong.
    ///   - changes: what is different in it, such as its arguments; by default nothing.
    ///   - maxRetries: as ``maxRetries``.
    public init(
        after countdown: Duration? = nil, because reason: (any Error)? = nil, with changes: Changes = .init(),
        maxRetries: Int? = nil
    ) {
        self.countdown = countdown
        self.reason = reason
        self.changes = changes
        self.maxRetries = maxRetries
    }
}

extension Retry {
    /// What is different in the next try of a task.
    public struct Changes: Sendable, Hashable {
        /// The positional arguments (`args`); `nil` for those of this run. New ones take the places of keywords of this run
        /// that name the same parameters, where the handler's parameters are known.
        public var arguments: [JSONValue]?
        /// The keyword arguments (`kwargs`); `nil` for those of this run. New ones replace positional arguments of this run
        /// for the same parameters, where the handler's parameters are known.
        public var keywords: JSONObject?
        /// After which time the next try is not to start any more (`expires`); `nil` for that of this run.
        public var expires: SendOptions.Time?

        /// Says what is different; by default nothing.
        public init(arguments: [JSONValue]? = nil, keywords: JSONObject? = nil, expires: SendOptions.Time? = nil) {
            self.arguments = arguments
            self.keywords = keywords
            self.expires = expires
        }
    }
}
