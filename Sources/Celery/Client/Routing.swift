public import CeleryTransport

/// Which tasks go to which queue; Celery's `task_routes` and the settings of the default queue.
public struct Routing: Sendable, Hashable {
    /// Where tasks of certain names go.
    public struct Route: Sendable, Hashable {
        /// The name of the task, or a pattern: `*` stands for any text, `?` for one character.
        public var pattern: String
        /// The queue; `nil` for the default queue.
        public var queue: Queue?
        /// The exchange, for routing past the queues, together with ``routingKey``; `nil` for the queue's.
        public var exchange: String?
        /// The routing key; `nil` for the queue's. A queue of a direct exchange is reached by its name, whatever the key.
        public var routingKey: String?
        /// The priority of tasks that are sent without one, also of those whose call names the queue.
        public var priority: Int?

        /// Sends the tasks whose names match to a queue.
        public init(
            _ pattern: String, to queue: Queue? = nil, exchange: String? = nil, routingKey: String? = nil,
            priority: Int? = nil
        ) {
            self.pattern = pattern
            self.queue = queue
            self.exchange = exchange
            self.routingKey = routingKey
            self.priority = priority
        }
    }

    /// The queue for tasks that no route matches (`task_default_queue`).
    public var defaultQueue: Queue
    /// The routes; the first that matches counts.
    public var routes: [Route]
    /// The queues that are known by name (`task_queues`). Any other name stands for a durable queue with a direct
    /// exchange of its own name, unless ``createsMissingQueues`` is false.
    public var queues: [Queue]
    /// Whether tasks may be sent to queues that are not known by name (`task_create_missing_queues`). If not, a task whose
    /// call names such a queue is not sent.
    public var createsMissingQueues = true
    /// The kind of queues that are not known by name (`task_create_missing_queue_type`).
    public var missingQueueKind = Queue.Kind.classic
    /// `x-max-priority` of queues that are not known by name (`task_queue_max_priority`).
    public var missingQueueMaxPriority: Int?

    /// Makes a table; by default everything goes to the queue `celery`.
    public init(defaultQueue: Queue = "celery", routes: [Route] = [], queues: [Queue] = []) {
        self.defaultQueue = defaultQueue
        self.routes = routes
        self.queues = queues
    }

    /// The queue of this name.
    public func queue(named name: String) -> Queue {
        known(name) ?? Queue(name, kind: missingQueueKind, maxPriority: missingQueueMaxPriority)
    }

    /// Whether a queue of this name was declared here.
    package func knows(_ name: String) -> Bool { known(name) != nil }

    private func known(_ name: String) -> Queue? {
        queues.first { $0.isCalled(name) } ?? routes.lazy.compactMap(\.queue).first { $0.isCalled(name) }
            ?? (defaultQueue.isCalled(name) ? defaultQueue : nil)
    }

    /// The route of a task.
    func route(for task: String) -> Route? {
        routes.first { Self.matches(Array($0.pattern.utf8)[...], Array(task.utf8)[...]) }
    }

    private static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        // Greedy with one point to come back to: the last `*` decides, so this is never exponential.
        var (pattern, name) = (pattern, name)
        var resume: (pattern: ArraySlice<UInt8>, name: ArraySlice<UInt8>)?
        while let character = name.first {
            if pattern.first == UInt8(ascii: "*") {
                pattern.removeFirst()
                resume = (pattern, name)
            } else if pattern.first == character || pattern.first == UInt8(ascii: "?") {
                pattern.removeFirst()
                name.removeFirst()
            } else if var point = resume {
                point.name.removeFirst()
                resume = point
                (pattern, name) = (point.pattern, point.name)
            } else {
                return false
            }
        }
        return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
