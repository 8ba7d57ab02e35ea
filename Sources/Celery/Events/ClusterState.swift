public import CeleryProtocol
internal import DequeModule

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The workers and tasks of a cluster as its events tell of them, by Celery's rules (`celery.events.state.State`).
///
///     var cluster = ClusterState()
///     for try await event in try await client.events() {
///         cluster.apply(event)
///         print(cluster.workers(aliveAt: Date()).map(\.name), cluster.tasks.count)
///     }
///
/// It holds a bounded number of both: those that were first heard of the longest ago are forgotten.
public struct ClusterState: Sendable {
    /// A worker.
    public struct Worker: Sendable, Hashable {
        /// Its name.
        public let name: String
        /// Its process.
        public internal(set) var pid: Int?
        /// What it has said of itself last; what an event leaves out stays as it was.
        public internal(set) var report: CeleryEvent.Report
        /// The last of its clocks.
        public internal(set) var clock = 0
        /// When it was heard last.
        public internal(set) var lastHeard: Date

        /// Whether it is there: whether it was heard within twice its interval, which is a minute where it has said none.
        public func isAlive(at now: Date) -> Bool {
            now < lastHeard + 2 * (report.interval ?? .seconds(60)).inSeconds
        }
    }

    /// A task.
    public struct Task: Sendable, Hashable {
        /// Its id.
        public let id: String
        /// PENDING, RECEIVED, STARTED, SUCCESS, FAILURE, RETRY, REVOKED, REJECTED, or what an event of somebody's own is called.
        public internal(set) var state = TaskState.pending
        /// What was called.
        public internal(set) var call = CeleryEvent.Call()
        /// The client that has sent it, if it tells (`task_send_sent_event`).
        public internal(set) var client: String?
        /// The worker that has told of it last.
        public internal(set) var worker: String?
        /// When it came to each state, by the clocks of those who say so.
        public internal(set) var times: [TaskState: Date] = [:]
        /// The time of its state.
        public internal(set) var timestamp: Date?
        /// The clock of the last event.
        public internal(set) var clock = 0
        /// The result as Python's `repr`.
        public internal(set) var result: String?
        /// How long it ran.
        public internal(set) var runtime: Duration?
        /// Its exception as Python's `repr`, that of a failed try included.
        public internal(set) var exception: String?
        /// The traceback of the exception.
        public internal(set) var traceback: String?
        /// Where a client has sent it.
        public internal(set) var queue: String?
        /// Where a client has sent it.
        public internal(set) var exchange: String?
        /// Where a client has sent it.
        public internal(set) var routingKey: String?
    }

    /// How many workers are kept.
    public let mostWorkers: Int
    /// How many tasks are kept.
    public let mostTasks: Int
    /// How many events it was told.
    public private(set) var eventCount = 0
    /// How many tasks were received by workers.
    public private(set) var receivedCount = 0
    private var workersByName: [String: Worker] = [:]
    private var tasksByID: [String: Task] = [:]
    /// The ids in the order in which they were first heard of, and the names, with some of workers that are gone.
    private var taskOrder: Deque<String> = []
    private var workerOrder: Deque<String> = []

    /// Makes the state of a cluster of which nothing is known.
    ///
    /// - Parameters:
    ///   - mostWorkers: how many workers are kept, at least one.
    ///   - mostTasks: how many tasks are kept, at least one.
    public init(mostWorkers: Int = 5000, mostTasks: Int = 10_000) {
        self.mostWorkers = max(1, mostWorkers)
        self.mostTasks = max(1, mostTasks)
    }

    /// Something has been told.
    public mutating func apply(_ event: CeleryEvent) {
        eventCount += 1
        switch event.content {
        case .workerOnline(let report), .workerHeartbeat(let report): hear(event, report)
        case .workerOffline:
            workersByName[event.node] = nil
        case .other where event.type.hasPrefix("worker-"): hear(event, nil)
        default:
            if let id = event.taskID { apply(event, to: id) }
        }
    }

    /// All tasks that are kept, those that were first heard of the longest ago first.
    public var tasks: [Task] { taskOrder.compactMap { tasksByID[$0] } }

    /// The task of this id.
    public func task(_ id: String) -> Task? { tasksByID[id] }

    /// The tasks whose last event is the newest, newest first: by the logical clocks, then by the time.
    public func latestTasks(_ limit: Int = .max) -> [Task] {
        Array(
            tasksByID.values.sorted {
                ($0.clock, $0.timestamp ?? .distantPast, $0.id) > ($1.clock, $1.timestamp ?? .distantPast, $1.id)
            }.prefix(limit))
    }

    /// All workers that are kept, by their names.
    public var workers: [Worker] { workersByName.values.sorted { $0.name < $1.name } }

    /// The worker of this name.
    public func worker(_ name: String) -> Worker? { workersByName[name] }

    /// The workers that are there, by their names.
    public func workers(aliveAt now: Date) -> [Worker] { workers.filter { $0.isAlive(at: now) } }

    // MARK: Workers

    private mutating func hear(_ event: CeleryEvent, _ report: CeleryEvent.Report?) {
        guard !event.node.isEmpty else { return }
        var worker = worker(of: event)
        worker.pid = event.pid ?? worker.pid
        worker.clock = event.clock
        if let report { worker.report.complete(with: report) }
        keep(worker)
    }

    /// The worker that tells this, heard now.
    private func worker(of event: CeleryEvent) -> Worker {
        var worker =
            workersByName[event.node]
            ?? Worker(name: event.node, report: CeleryEvent.Report(), lastHeard: event.received)
        worker.lastHeard = max(event.received, worker.lastHeard)
        return worker
    }

    private mutating func keep(_ worker: Worker) {
        if workersByName.updateValue(worker, forKey: worker.name) != nil { return }
        // One that has come back stands there twice: it is forgotten as early as if it had not gone.
        workerOrder.append(worker.name)
        while workersByName.count > mostWorkers || workerOrder.count > 2 * mostWorkers,
            let oldest = workerOrder.popFirst()
        {
            if oldest != worker.name { workersByName[oldest] = nil }
        }
    }

    // MARK: Tasks

    private mutating func apply(_ event: CeleryEvent, to id: String) {
        var task = tasksByID[id] ?? Task(id: id)
        if case .taskSent = event.content {
            task.client = event.node
        } else {
            task.worker = event.node
            // Whoever tells of a task is there.
            keep(worker(of: event))
        }
        if case .taskReceived = event.content { receivedCount += 1 }
        task.apply(event)
        guard tasksByID.updateValue(task, forKey: id) == nil else { return }
        taskOrder.append(id)
        if taskOrder.count > mostTasks, let oldest = taskOrder.popFirst() { tasksByID[oldest] = nil }
    }
}

extension ClusterState.Task {
    /// Takes over what an event says. One that comes late, from before the state that is known, changes no state.
    mutating func apply(_ event: CeleryEvent) {
        let new = Self.state(of: event)
        if new.isCelerys { times[new.state] = event.timestamp }
        let isLate = new.state != .retry && state != .retry && Self.rank(new.state) > Self.rank(state)
        if !isLate { state = new.state }
        // What a late receipt says of the task itself counts, nothing else of it.
        if !isLate || new.state != .received {
            clock = event.clock
            timestamp = event.timestamp
        }
        take(event.content)
    }

    private mutating func take(_ content: CeleryEvent.Content) {
        switch content {
        case .taskSent(let call, let queue, let exchange, let routingKey):
            self.call.complete(with: call)
            (self.queue, self.exchange, self.routingKey) = (queue, exchange, routingKey)
        case .taskReceived(let call): self.call.complete(with: call)
        case .taskSucceeded(let result, let runtime):
            self.result = result
            self.runtime = runtime
        case .taskFailed(let exception, let traceback), .taskRetried(let exception, let traceback):
            self.exception = exception
            self.traceback = traceback
        default: break
        }
    }

    private static func state(of event: CeleryEvent) -> (state: TaskState, isCelerys: Bool) {
        switch event.content {
        case .taskSent: (.pending, true)
        case .taskReceived: (.received, true)
        case .taskStarted: (.started, true)
        case .taskSucceeded: (.success, true)
        case .taskFailed: (.failure, true)
        case .taskRetried: (.retry, true)
        case .taskRejected: (rejected, true)
        case .taskRevoked: (.revoked, true)
        default: (TaskState(rawValue: event.type.dropFirst("task-".count).uppercased()), false)
        }
    }

    private static let rejected = TaskState(rawValue: "REJECTED")

    /// Celery's `precedence`: the later in a task's life the lower.
    private static func rank(_ state: TaskState) -> Int {
        switch state {
        case .success: 0
        case .failure: 1
        case .revoked: 3
        case .started: 4
        case .received: 5
        case rejected: 6
        case .retry: 7
        case .pending: 8
        default: 2
        }
    }
}

extension CeleryEvent.Call {
    fileprivate mutating func complete(with other: Self) {
        name = other.name ?? name
        arguments = other.arguments ?? arguments
        keywords = other.keywords ?? keywords
        rootID = other.rootID ?? rootID
        parentID = other.parentID ?? parentID
        retries = other.retries ?? retries
        eta = other.eta ?? eta
        expires = other.expires ?? expires
    }
}

extension CeleryEvent.Report {
    fileprivate mutating func complete(with other: Self) {
        interval = other.interval ?? interval
        active = other.active ?? active
        processed = other.processed ?? processed
        if !other.loadAverage.isEmpty { loadAverage = other.loadAverage }
        software = other.software ?? software
        version = other.version ?? version
        system = other.system ?? system
    }
}
