/// The state of a task. Besides Celery's own states any text may be one, as set by `update_state`.
public struct TaskState: Sendable, Hashable, RawRepresentable {
    /// The state as it stands in results.
    public let rawValue: String

    /// The state of that name.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Nothing is known of the task; never stored.
    public static let pending = TaskState(rawValue: "PENDING")
    /// A worker has the task; never stored.
    public static let received = TaskState(rawValue: "RECEIVED")
    /// The task runs; stored with `track_started` only.
    public static let started = TaskState(rawValue: "STARTED")
    /// The task has succeeded.
    public static let success = TaskState(rawValue: "SUCCESS")
    /// The task has failed.
    public static let failure = TaskState(rawValue: "FAILURE")
    /// The task will be tried again.
    public static let retry = TaskState(rawValue: "RETRY")
    /// The task was revoked, or its time had expired.
    public static let revoked = TaskState(rawValue: "REVOKED")

    /// Whether the task has ended (`READY_STATES`).
    public var isReady: Bool { self == .success || self == .failure || self == .revoked }
    /// Whether the result is an exception (`EXCEPTION_STATES`).
    public var isException: Bool { self == .failure || self == .retry || self == .revoked }
}

extension TaskState: CustomStringConvertible {
    /// The state as it stands in results.
    public var description: String { rawValue }
}
