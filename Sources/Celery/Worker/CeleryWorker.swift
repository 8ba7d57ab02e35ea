public import CeleryProtocol
public import CeleryTransport
public import Logging
public import ServiceLifecycle

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A Celery worker: receives tasks from the broker's queues and runs their handlers.
///
/// Run it as a `Service`. At a graceful shutdown it takes no more tasks, lets those that run finish and gives back
/// what it holds (Celery's warm shutdown). When it is cancelled it cancels the running tasks too (cold shutdown):
/// those with late acknowledgement are delivered again.
public struct CeleryWorker: Sendable {
    /// How a worker runs its tasks.
    public struct Options: Sendable {
        /// How many tasks run at a time (`worker_concurrency`), at least one; by default the number of processors.
        public var concurrency: Int
        /// How many messages are held for each task that can run (`worker_prefetch_multiplier`); 0 or less for no limit
        /// but the worker's own.
        public var prefetchMultiplier: Int
        /// The worker's name (`--hostname`), in which `%h` is the host.
        public var name: String
        /// Whether messages are acknowledged after their tasks and not before (`task_acks_late`).
        public var acksLate: Bool
        /// Whether a late-acknowledged message is acknowledged when its task fails (`task_acks_on_failure_or_timeout`).
        public var acksOnFailure: Bool
        /// Whether results are not stored (`task_ignore_result`).
        public var ignoreResult: Bool
        /// Whether the state STARTED is stored (`task_track_started`).
        public var trackStarted: Bool
        /// After how long a running task is cancelled, if neither its message nor its handler says (`task_soft_time_limit`);
        /// `nil` or zero for never.
        public var softTimeLimit: Duration?
        /// After how long a running task has failed, likewise (`task_time_limit`); `nil` or zero for never.
        public var timeLimit: Duration?
        /// How many handlers may run on though their tasks were ended, by a hard time limit or from outside; each leaves its
        /// slot to another task. `nil` for as many as there are slots. Celery, which kills processes, has no such limit.
        public var strayLimit: Int?
        /// How often tasks of one name may start, for each name whose handler does not say (`task_default_rate_limit`);
        /// `nil` for as often as they come.
        public var rateLimit: RateLimit?
        /// Whether no rate limit is obeyed, whoever sets it (`worker_disable_rate_limits`).
        public var disablesRateLimits: Bool
        /// How many tasks that wait for their eta are kept in memory (`worker_eta_task_limit`). On Redis more stay with the
        /// broker; on RabbitMQ, which keeps none for later, only the tags of more are kept, and they come again when
        /// they are due.
        public var etaLimit: Int
        /// How many bytes a message's body may have, decompressed if it was compressed; a message with a larger one is
        /// refused. A few kilobytes can inflate to anything. Celery has no such limit.
        public var maximumBodySize: Int
        /// How many bytes of memory the values of a body may take, besides the texts of its strings and keys; a message
        /// with more is refused. Every value takes 24, a key 16 more, and an array, an object that is not empty, or a string
        /// of more than 15 bytes 48 more. Celery has no such limit.
        public var maximumBodyMemory: Int
        /// The level at which the receipt and the end of tasks are logged; `nil` for `debug`, because a library should be
        /// quiet, and for `info` in a worker program, whose console shows them as Celery's does.
        public var taskLogLevel: Logger.Level?
        /// Whether the worker obeys remote control, so that `celery inspect` and `celery control` see it
        /// (`worker_enable_remote_control`).
        public var isControllable: Bool
        /// What the exchange of remote control is named after (`control_exchange`): `celery.pidbox` by default.
        public var controlExchange: String
        /// Whether events of tasks are sent, for monitors such as Flower (`worker_send_task_events`); `enable_events` of
        /// remote control switches them on as well.
        public var sendsTaskEvents: Bool
        /// How often the worker says to monitors that it is there; `nil` for never. Celery's is two seconds, and so must
        /// be every other worker's that gossips with it.
        public var heartbeatInterval: Duration?
        /// Whether the worker asks the others at its start which tasks are not to run (Celery's mingle), for which it waits
        /// a quarter of a second, and a second at most.
        public var mingles: Bool
        /// The file in which the worker remembers from one run to the next which tasks are not to run (`worker_state_db`);
        /// `nil` for none. Each worker has its own. It is JSON, and not what Python's worker writes.
        public var stateFile: String?
        /// The settings that it was configured with, as remote control's `conf` shows them: without what is secret.
        var shownSettings: JSONObject = [:]
        /// What etas and expiries go by.
        package var clock = TaskClock.system

        /// Makes options; the defaults are Celery's.
        public init(
            concurrency: Int? = nil,
            prefetchMultiplier: Int = 4,
            name: String = "celery@%h",
            acksLate: Bool = false,
            acksOnFailure: Bool = true,
            ignoreResult: Bool = false,
            trackStarted: Bool = false,
            softTimeLimit: Duration? = nil,
            timeLimit: Duration? = nil,
            strayLimit: Int? = nil,
            rateLimit: RateLimit? = nil,
            disablesRateLimits: Bool = false,
            etaLimit: Int = 10_000,
            maximumBodySize: Int = TaskPayload.defaultMaximumBodySize,
            maximumBodyMemory: Int = TaskPayload.defaultMaximumBodyMemory,
            taskLogLevel: Logger.Level? = nil,
            isControllable: Bool = true,
            controlExchange: String = "celery",
            sendsTaskEvents: Bool = false,
            heartbeatInterval: Duration? = .seconds(2),
            mingles: Bool = true,
            stateFile: String? = nil
        ) {
            self.concurrency = concurrency ?? ProcessInfo.processInfo.activeProcessorCount
            self.prefetchMultiplier = prefetchMultiplier
            self.name = name
            self.acksLate = acksLate
            self.acksOnFailure = acksOnFailure
            self.ignoreResult = ignoreResult
            self.trackStarted = trackStarted
            self.softTimeLimit = softTimeLimit
            self.timeLimit = timeLimit
            self.strayLimit = strayLimit
            self.rateLimit = rateLimit
            self.disablesRateLimits = disablesRateLimits
            self.etaLimit = etaLimit
            self.maximumBodySize = maximumBodySize
            self.maximumBodyMemory = maximumBodyMemory
            self.taskLogLevel = taskLogLevel
            self.isControllable = isControllable
            self.controlExchange = controlExchange
            self.sendsTaskEvents = sendsTaskEvents
            self.heartbeatInterval = heartbeatInterval
            self.mingles = mingles
            self.stateFile = stateFile
        }

        /// How large a body may be.
        var bodyLimits: BodyLimits { BodyLimits(size: maximumBodySize, memory: maximumBodyMemory) }
    }

    private let engine: WorkerEngine

    /// Makes a worker. Nothing is connected before ``run()``.
    ///
    /// - Parameters:
    ///   - broker: where tasks come from.
    ///   - backend: where results go; `nil` to store none.
    ///   - queues: the queues to consume; by default `celery`.
    ///   - options: how tasks are run.
    ///   - routing: where tasks that handlers send go.
    ///   - defaultOptions: what counts where a handler that sends a task, or what is to follow one, says nothing.
    ///   - middleware: what every task passes that is run or sent, the outermost first.
    ///   - commands: what remote control can ask of the worker beside Celery's own commands.
    ///   - events: how events go through the broker.
    ///   - logger: where to log.
    ///   - handlers: the tasks.
    /// - Throws: ``CeleryError`` with the code `duplicateTask` for two handlers of one name; `TransportError` when the
    ///   address of the result backend makes no sense.
    public init(
        broker: any Broker,
        backend: (any ResultBackend)? = nil,
        queues: [Queue] = ["celery"],
        options: Options = .init(),
        routing: Routing = .init(),
        defaultOptions: SendOptions = .init(),
        middleware: [any CeleryMiddleware] = [],
        commands: [ControlCommand] = [],
        events: EventOptions = .init(),
        logger: Logger = Logger(label: "celery"),
        @TaskHandlerBuilder handlers: () -> [TaskHandler]
    ) throws {
        engine = try WorkerEngine(
            broker: broker, backend: backend, queues: queues, options: options, routing: routing,
            defaultOptions: defaultOptions, middleware: middleware, commands: commands, eventOptions: events,
            handlers: handlers(), logger: logger)
    }
}

extension CeleryWorker: Service {
    /// Consumes and runs tasks until a graceful shutdown or cancellation.
    ///
    /// A connection that is lost is made anew, as often as it takes. A worker runs once; copies are the same worker.
    ///
    /// - Throws: `TransportError` when the broker or the result backend refuses, or when an address makes no sense;
    ///   ``CeleryError`` with the code `alreadyRun`.
    public func run() async throws {
        try await engine.run()
    }
}
