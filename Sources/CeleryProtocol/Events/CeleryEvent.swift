#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Something that a worker or a client has told to monitors, as `celery events` shows it.
public struct CeleryEvent: Sendable, Hashable {
    /// What an event says. What its sender has left out is `nil`. More kinds may be added.
    public enum Content: Sendable, Hashable {
        /// `task-sent`: a client has sent a task, to this queue and by this way.
        case taskSent(Call, queue: String?, exchange: String?, routingKey: String?)
        /// `task-received`: a worker has got a task.
        case taskReceived(Call)
        /// `task-started`: a task runs.
        case taskStarted
        /// `task-succeeded`: the result as Python's `repr`, and how long the task ran.
        case taskSucceeded(result: String?, runtime: Duration?)
        /// `task-failed`: the exception as Python's `repr`.
        case taskFailed(exception: String?, traceback: String?)
        /// `task-retried`: a task will be tried again; why, as Python's `repr`.
        case taskRetried(exception: String?, traceback: String?)
        /// `task-rejected`: a task was given back or thrown away.
        case taskRejected(requeue: Bool?)
        /// `task-revoked`: a task was not to run, or to run no longer; `signal` is what ended it.
        case taskRevoked(isTerminated: Bool, signal: String?, isExpired: Bool)
        /// `worker-online`: a worker has come.
        case workerOnline(Report)
        /// `worker-heartbeat`: a worker is there.
        case workerHeartbeat(Report)
        /// `worker-offline`: a worker goes.
        case workerOffline(Report)
        /// An event of any other type: all that is known of it stands in ``CeleryEvent/fields``.
        case other
    }

    /// What was called, for people: `arguments` and `keywords` are Python's `repr`, and cut.
    public struct Call: Sendable, Hashable {
        /// The name of the task.
        public var name: String?
        /// The positional arguments, such as `(2, 3)`.
        public var arguments: String?
        /// The keyword arguments, such as `{'y': 3}`.
        public var keywords: String?
        /// The id of the first task of the workflow that it belongs to.
        public var rootID: String?
        /// The id of the task that has sent it, or that it follows.
        public var parentID: String?
        /// How often it was tried before.
        public var retries: Int?
        /// When it is to run.
        public var eta: Date?
        /// Until when it is to run.
        public var expires: Date?

        /// Makes a call of which nothing is known.
        public init() {}
    }

    /// How a worker fares.
    public struct Report: Sendable, Hashable {
        /// How often it sends a heartbeat.
        public var interval: Duration?
        /// How many tasks run.
        public var active: Int?
        /// How many tasks it has got so far.
        public var processed: Int?
        /// How many threads of its machine wanted to run over the last one, five and fifteen minutes.
        public var loadAverage: [Double] = []
        /// The software: `py-celery`, `swift-celery`.
        public var software: String?
        /// Its version.
        public var version: String?
        /// The operating system.
        public var system: String?

        /// Makes a report that says nothing.
        public init() {}
    }

    /// The type, such as `task-received`.
    public var type: String
    /// The name of the node that tells it, `celery@host` or `gen1234@host`; empty when it has not said so.
    public var node: String
    /// The process of the node.
    public var pid: Int?
    /// The id of the task; `nil` for events that are not of tasks.
    public var taskID: String?
    /// The node's logical clock, which orders the events of a cluster; see ``CeleryEvent/init(_:received:clock:)``.
    public var clock: Int
    /// When it happened, by the node's clock.
    public var timestamp: Date
    /// When it was received here.
    public var received: Date
    /// What it says.
    public var content: Content
    /// The event as it was sent, with whatever its sender has added.
    public var fields: JSONObject
}
