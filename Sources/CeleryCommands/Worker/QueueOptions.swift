internal import ArgumentParser
internal import Celery

/// Which queues a worker consumes.
struct QueueOptions: ParsableArguments {
    static let queuesVariable = "CELERY_WORKER_QUEUES"
    static let excludeVariable = "CELERY_WORKER_EXCLUDE_QUEUES"

    @Option(
        name: [.customShort("Q", allowingJoined: true), .long],
        help: ArgumentHelp(
            "The queues to consume, separated by commas; each a name, or with what it is declared with, as in 'name?type=quorum&max-priority=10'. One that is there already is used as it is. Default: $\(queuesVariable), then task_queues, else task_default_queue, which is celery.",
            valueName: "names"))
    var queues: String?

    @Option(
        name: [.customShort("X", allowingJoined: true), .long],
        help: ArgumentHelp(
            "The queues not to consume, separated by commas. Default: $\(excludeVariable), else none.",
            valueName: "names"))
    var excludeQueues: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The kind of the queues of -Q of which neither -Q nor task_queues says it: classic or quorum. Celery: task_create_missing_queue_type.",
            valueName: "kind"),
        completion: .list(Queue.Kind.allCases.map(\.rawValue)),
        transform: Self.kind)
    var queueType: Queue.Kind?

    /// For the argument parser.
    init() {}

    private static let kind: @Sendable (String) throws -> Queue.Kind = { text in
        guard let kind = Queue.Kind(rawValue: text) else { throw ValidationError("it is classic or quorum") }
        return kind
    }

    /// Checks what the parser cannot know.
    mutating func validate() throws { _ = try consumedQueues(CeleryConfiguration()) }

    private static func names(_ text: String) -> [String] { text.split(separator: ",").map { $0.trimmingSpace() } }

    /// The names of `-X` that stand for none of these queues, whether they are consumed or not; perhaps they are
    /// misspelt.
    func strangeExclusions(_ configuration: CeleryConfiguration) -> [String] {
        guard let excludeQueues else { return [] }
        let given = Self.names(queues ?? "").map { String($0.prefix { $0 != "?" }) }
        let known = configuration.consumedQueues.flatMap { [$0.name, $0.alias ?? $0.name] } + given
        return Self.names(excludeQueues).filter { !known.contains($0) }
    }

    /// The queues of `-Q`, or those of the settings, without those of `-X`.
    ///
    /// - Parameter variable: the value of an environment variable.
    func consumedQueues(
        _ configuration: CeleryConfiguration, variable: (String) -> String? = { Environment[$0] }
    ) throws -> [Queue] {
        func text(_ option: String?, _ name: String) -> String? {
            option ?? variable(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        var consumed = configuration.consumedQueues
        if let queues = text(queues, Self.queuesVariable) {
            consumed = try QueueArgument.list(queues).map { queue in
                guard configuration.routing.createsMissingQueues || configuration.routing.knows(queue.name) else {
                    throw ValidationError(
                        "-Q names the queue \(LogText.name(queue.name)), which task_queues lacks: task_create_missing_queues "
                            + "is false")
                }
                let isDeclared = configuration.routing.queues.contains { $0.isCalled(queue.name) }
                return try queue.applied(
                    to: configuration.routing.queue(named: queue.name), kind: isDeclared ? nil : queueType)
            }
        } else if queueType != nil {
            throw ValidationError(
                "--queue-type is the kind of the queues of -Q, and there is no -Q. The default queue's is "
                    + "CELERY_TASK_DEFAULT_QUEUE_TYPE")
        }
        if let excluded = text(excludeQueues, Self.excludeVariable) {
            let names = Self.names(excluded)
            consumed.removeAll { queue in names.contains(where: queue.isCalled) }
            if consumed.isEmpty { throw ValidationError("-X leaves no queue to consume") }
        }
        for queue in consumed {
            if let problem = NameArgument.problem(queue.name) {
                throw ValidationError("the name of the queue \(LogText.name(queue.name)) \(problem)")
            }
        }
        return consumed
    }
}
