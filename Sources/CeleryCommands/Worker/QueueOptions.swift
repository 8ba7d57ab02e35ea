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
            "The kind of the queues of -Q that say none: classic or quorum. Celery: task_create_missing_queue_type.",
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
            consumed = try QueueArgument.list(queues).map {
                try $0.applied(to: configuration.routing.queue(named: $0.name))
            }
        }
        if let excluded = text(excludeQueues, Self.excludeVariable) {
            let names = excluded.split(separator: ",").map { $0.trimmingSpace() }
            consumed.removeAll { names.contains($0.name) }
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
