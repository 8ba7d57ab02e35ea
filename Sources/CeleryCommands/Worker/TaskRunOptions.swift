internal import ArgumentParser
internal import Celery

/// How a worker runs its tasks. Each option of this and of ``LimitOptions`` stands for a property of
/// `CeleryWorker.Options`, and for a setting that a file and the environment may hold as well.
struct TaskRunOptions: ParsableArguments {
    @Option(
        name: [.customShort("c", allowingJoined: true), .long], parsing: .unconditional,
        help:
            "How many tasks run at a time. Celery: worker_concurrency. Default: auto, which is the number of processors.",
        transform: Self.concurrency)
    var concurrency: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "How many messages are held for each task that can run; 0 for no limit. Celery: worker_prefetch_multiplier. Default: 4.",
            valueName: "messages"),
        transform: NumberArgument.whole(0...65_535))
    var prefetchMultiplier: Int?

    @Option(
        name: [.customShort("O", allowingJoined: true), .customLong("optimization")],
        help: ArgumentHelp(
            "default or fair, as for celery. This worker is always fair: a message is held by nobody who has no time.",
            valueName: "profile"))
    var optimization: Optimization?

    @Option(
        name: [.customShort("n", allowingJoined: true), .long],
        help: ArgumentHelp(
            "The worker's name; %h is the host, %n its first part, %d the rest. Default: $CELERY_WORKER_HOSTNAME, else celery@%h.",
            valueName: "name"))
    var hostname: String?

    @Flag(inversion: .prefixedNo, help: "Acknowledge messages after their tasks, not before. Celery: task_acks_late.")
    var acksLate: Bool?

    @Flag(
        inversion: .prefixedNo,
        help: "Acknowledge a late-acknowledged message whose task has failed. Celery: task_acks_on_failure_or_timeout.")
    var acksOnFailure: Bool?

    @Flag(inversion: .prefixedNo, help: "Store no results. Celery: task_ignore_result.")
    var ignoreResult: Bool?

    @Flag(inversion: .prefixedNo, help: "Store the state STARTED. Celery: task_track_started.")
    var trackStarted: Bool?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "After how long a running task is cancelled, unless its message or its handler says; 0 for never. Celery: task_soft_time_limit.",
            valueName: "seconds"),
        transform: NumberArgument.seconds)
    var softTimeLimit: Duration?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "After how long it has failed, whatever it does; likewise. Celery: task_time_limit.",
            valueName: "seconds"),
        transform: NumberArgument.seconds)
    var timeLimit: Duration?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How often tasks of one name may start, such as 10/s, 100/m, 1000/h, unless its handler says. Celery: task_default_rate_limit.",
            valueName: "rate"),
        transform: Self.rateLimit)
    var rateLimit: RateLimit?

    @Flag(name: .long, help: "Obey no rate limits. Celery: worker_disable_rate_limits.")
    var disableRateLimits = false

    @Flag(
        inversion: .prefixedNo,
        help: "Obey remote control: celery inspect, celery control. Celery: worker_enable_remote_control. Default: yes."
    )
    var remoteControl: Bool?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What the exchange of remote control is named after. Celery: control_exchange. Default: celery.",
            valueName: "name"))
    var controlExchange: String?

    @Flag(
        name: [.customShort("E"), .long, .customLong("events")],
        help: "Send events of tasks, for Flower and celery events. Celery: worker_send_task_events.")
    var taskEvents = false

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "How often to say to monitors that the worker is there. Default: $CELERY_WORKER_HEARTBEAT_INTERVAL, else 2.",
            valueName: "seconds"),
        transform: NumberArgument.positiveSeconds())
    var heartbeatInterval: Duration?

    @Flag(name: .long, help: "Never say so.")
    var withoutHeartbeat = false

    @Flag(name: .long, help: "Do not ask other workers at the start which tasks are not to run.")
    var withoutMingle = false

    @Option(
        name: [.customShort("S", allowingJoined: true), .long],
        help: ArgumentHelp(
            "The file in which the worker remembers, from one run to the next, which tasks are not to run. Celery: worker_state_db. Default: none.",
            valueName: "file"),
        completion: .file())
    var statedb: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The level of the lines about a task's receipt and end. Default: $CELERY_WORKER_TASK_LOGLEVEL, else INFO.",
            valueName: "level"))
    var taskLoglevel: LogLevel?

    /// Celery's profiles.
    enum Optimization: String, ExpressibleByArgument, CaseIterable {
        case `default`, fair
    }

    /// For the argument parser.
    init() {}

    /// Checks what the parser cannot know.
    mutating func validate() throws {
        if let hostname { try Self.check(name: hostname) }
        if withoutHeartbeat, heartbeatInterval != nil {
            throw ValidationError("--without-heartbeat and --heartbeat-interval contradict each other")
        }
    }

    private static let rateLimit: @Sendable (String) throws -> RateLimit = { text in
        guard let limit = RateLimit(text) else {
            throw ValidationError("it must be a number and /s, /m or /h, such as 100/m")
        }
        return limit
    }

    private static let concurrency: @Sendable (String) throws -> Int = { text in
        try text == "auto" ? CeleryWorker.Options().concurrency : NumberArgument.whole(1...100_000)(text)
    }

    /// Refuses a worker's name that is none.
    static func check(name: String) throws {
        if let problem = name.isEmpty ? "must not be empty" : NameArgument.problem(NodeName.expand(name)) {
            throw ValidationError("the worker's name, -n, \(problem)")
        }
    }

    /// Takes over what is given.
    func apply(to options: inout CeleryWorker.Options) {
        if let concurrency { options.concurrency = concurrency }
        if let prefetchMultiplier { options.prefetchMultiplier = prefetchMultiplier }
        if let hostname { options.name = hostname }
        if let acksLate { options.acksLate = acksLate }
        if let acksOnFailure { options.acksOnFailure = acksOnFailure }
        if let ignoreResult { options.ignoreResult = ignoreResult }
        if let trackStarted { options.trackStarted = trackStarted }
        if let softTimeLimit { options.softTimeLimit = softTimeLimit }
        if let timeLimit { options.timeLimit = timeLimit }
        if let rateLimit { options.rateLimit = rateLimit }
        if disableRateLimits { options.disablesRateLimits = true }
        if let remoteControl { options.isControllable = remoteControl }
        if let controlExchange { options.controlExchange = controlExchange }
        if taskEvents { options.sendsTaskEvents = true }
        if let heartbeatInterval { options.heartbeatInterval = heartbeatInterval }
        if withoutMingle { options.mingles = false }
        if let statedb { options.stateFile = statedb }
        if withoutHeartbeat { options.heartbeatInterval = nil }
        if let taskLoglevel { options.taskLogLevel = taskLoglevel.level }
    }
}
