internal import ArgumentParser
internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

/// Which dead letters are meant.
struct DeadLetterOptions: ParsableArguments {
    @Option(
        name: [.customShort("Q", allowingJoined: true), .long],
        help: ArgumentHelp(
            "On Redis the queues whose dead letters are meant, separated by commas; all that have some by default. On RabbitMQ the queues that hold dead letters.",
            valueName: "names"))
    var queues: QueueNames?

    @Option(
        name: .long, help: "Those of a task with this id; may be given again.", transform: NameArgument.name)
    var id: [String] = []

    @Option(
        name: .long,
        help: "Those of tasks with this name, or of a pattern such as 'images.*'; may be given again.",
        transform: NameArgument.name)
    var task: [String] = []

    @Option(
        name: .long, parsing: .unconditional, help: "No more than so many of each queue, the oldest first.",
        transform: NumberArgument.whole(1...Int.max))
    var count: Int?

    @Flag(name: .shortAndLong, help: "Print one JSON object.")
    var json = false

    /// For the argument parser.
    init() {}

    /// Whether one is meant; what cannot be read has neither a name nor an id.
    func includes(_ letter: DeadLetter) -> Bool {
        guard id.isEmpty || letter.id.map(id.contains) ?? false else { return false }
        guard !task.isEmpty else { return true }
        return letter.task.map { name in task.contains { GlobPattern($0).matches(name) } } ?? false
    }

    /// The queues that hold them.
    func holders(_ broker: any OperableBroker) async throws -> [String] {
        if let queues { return queues.names.map(broker.deadLetterQueue) }
        return try await broker.deadLetterQueues(logger: Console.ofCommands)
    }

    /// Copies of them, by the queues that hold them.
    func letters(_ broker: any OperableBroker) async throws -> [(queue: String, letters: [DeadLetter])] {
        var found: [(queue: String, letters: [DeadLetter])] = []
        let limit = count ?? .max
        for queue in try await holders(broker) {
            let letters = Locked<[DeadLetter]>([])
            try await broker.capture(Queue(queue), upTo: .max, logger: Console.ofCommands) { [self] messages in
                let meant = messages.map(DeadLetter.init).filter(includes)
                return letters.withLock { letters in
                    letters += meant.prefix(limit - letters.count)
                    return letters.count < limit
                }
            }
            found.append((queue, letters.withLock { $0 }))
        }
        return found
    }
}
