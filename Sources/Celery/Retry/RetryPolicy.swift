/// When a failed task is tried again, and after which wait.
public struct RetryPolicy: Sendable {
    /// The wait before each further try.
    public struct Backoff: Sendable {
        private let base: Duration
        private let isGrowing: Bool
        private let maximum: Duration
        private let hasJitter: Bool

        /// The same wait each time. Celery's default is three minutes.
        public static func constant(_ countdown: Duration) -> Backoff {
            Backoff(base: countdown, isGrowing: false, maximum: countdown, hasJitter: false)
        }

        /// A wait that doubles with each try, up to a maximum: Celery's `retry_backoff`, `retry_backoff_max` and
        /// `retry_jitter`. With jitter the wait is anything from nothing to that.
        public static func exponential(
            from base: Duration = .seconds(1), max maximum: Duration = .seconds(600), jitter: Bool = true
        ) -> Backoff {
            Backoff(base: base, isGrowing: true, maximum: maximum, hasJitter: jitter)
        }

        /// The wait after so many tries before.
        func countdown(retries: Int) -> Duration {
            var wait = base
            if isGrowing {
                // So many doublings exceed any maximum; the count comes from the message and may be anything.
                for _ in 0..<min(max(retries, 0), 64) where wait < maximum { wait *= 2 }
            }
            wait = min(wait, maximum)
            return hasJitter ? wait * Double.random(in: 0...1) : wait
        }
    }

    /// How many times a task is tried again at most (`max_retries`); `nil` for no limit.
    public var maxRetries: Int?
    /// The wait before a further try.
    public var backoff: Backoff
    /// Which errors lead to a further try without the handler asking for it (`autoretry_for`).
    let retriesOn: @Sendable (any Error) -> Bool

    /// Tries again only when the handler throws ``Retry``. The defaults are Celery's: three times, each after three
    /// minutes.
    public static func manual(
        maxRetries: Int? = 3, backoff: Backoff = .constant(.seconds(180))
    ) -> RetryPolicy {
        RetryPolicy(maxRetries: maxRetries, backoff: backoff, retriesOn: { _ in false })
    }

    /// Tries again when an error of this type is thrown; Celery's `autoretry_for`.
    public static func automatic<Failure: Error>(
        on type: Failure.Type, maxRetries: Int? = 3, backoff: Backoff = .exponential()
    ) -> RetryPolicy {
        RetryPolicy(maxRetries: maxRetries, backoff: backoff, retriesOn: { $0 is Failure })
    }

    /// Tries again when an error is thrown for which the closure says so.
    public static func automatic(
        maxRetries: Int? = 3, backoff: Backoff = .exponential(), where retries: @escaping @Sendable (any Error) -> Bool
    ) -> RetryPolicy {
        RetryPolicy(maxRetries: maxRetries, backoff: backoff, retriesOn: retries)
    }
}
