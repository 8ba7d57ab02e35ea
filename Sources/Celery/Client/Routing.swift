public import CeleryTransport

/// Which tasks go to which queue; Celery's `task_routes` and the settings of the default queue.
public struct Routing: Sendable, Hashable {
    /// Where tasks of certain names go.
    public struct Route: Sendable, Hashable {
        /// The name of the task, or a pattern: `*` stands for any text, `?` for one character.
        public var pattern: String
        /// The queue.
        public var queue: Queue
        /// The priority of tasks that are sent without one.
        public var priority: Int?

        /// Sends the tasks whose names match to a queue.
        public init(_ pattern: String, to queue: Queue, priority: Int? = nil) {
            self.pattern = pattern
            self.queue = queue
            self.priority = priority
        }
    }

    /// The queue for tasks that no route matches (`task_default_queue`).
    public var defaultQueue: Queue
    /// The routes; the first that matches counts.
    public var routes: [Route]
    /// The queues that are known by name. Any other name stands for a durable classic queue with a direct exchange
    /// of its own name (`task_create_missing_queues`).
    public var queues: [Queue]

    /// Makes a table; by default everything goes to the queue `celery`.
    public init(defaultQueue: Queue = "celery", routes: [Route] = [], queues: [Queue] = []) {
        self.defaultQueue = defaultQueue
        self.routes = routes
        self.queues = queues
    }

    /// The queue of this name.
    func queue(named name: String) -> Queue {
        if let queue = queues.first(where: { $0.name == name }) { return queue }
        if let route = routes.first(where: { $0.queue.name == name }) { return route.queue }
        return name == defaultQueue.name ? defaultQueue : Queue(name)
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
