internal import ArgumentParser
internal import Celery
internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

/// Which dead letters are changed: never all by mistake.
struct DeadLetterChange: ParsableArguments {
    static let nothingFound = CeleryError(.invalidArgument, "there is no such dead letter")

    @Flag(help: "All dead letters of these queues.")
    var all = false

    /// For the argument parser.
    init() {}

    func check(_ options: DeadLetterOptions) throws {
        let isChosen = !options.id.isEmpty || !options.task.isEmpty
        guard isChosen != all else {
            throw ValidationError(
                all ? "--all is for all of them, and --id and --task choose some" : "which ones? --id, --task or --all")
        }
    }

    /// Goes through the queues and says what became of the letters.
    func settle(
        _ options: DeadLetterOptions, in queues: [String], of broker: any OperableBroker, as fate: DeadLetterFate
    ) async throws {
        var sum = DeadLetterReport()
        for queue in queues {
            let chosen = Locked(0)
            let limit = options.count ?? .max
            let report = try await broker.settleDeadLetters(in: queue, logger: Console.ofCommands) { fields in
                guard options.includes(DeadLetter(fields)) else { return .stays }
                return chosen.withLock { count in
                    guard count < limit else { return .stays }
                    count += 1
                    return fate
                }
            }
            sum.add(report)
            if sum.end != nil { break }
        }
        show(sum, options)
        if let end = sum.end { throw end }
        if !sum.failures.isEmpty { throw ExitCode.failure }
        if sum.requeued.isEmpty, sum.dropped == 0, sum.gone == 0, !all { throw Self.nothingFound }
    }

    private func show(_ report: DeadLetterReport, _ options: DeadLetterOptions) {
        let failures = report.failures.map { (letter: DeadLetter($0.message), error: $0.error) }
        if options.json {
            var requeued: JSONObject = [:]
            for (queue, count) in report.requeued.sorted(by: { $0.key < $1.key }) { requeued[queue] = .integer(count) }
            let failed = failures.map { failure in
                JSONValue.object([
                    "task": failure.letter.task.map(JSONValue.string) ?? .null,
                    "id": failure.letter.id.map(JSONValue.string) ?? .null, "error": .string(failure.error.message),
                ])
            }
            return JSONOutput.print([
                "requeued": .object(requeued), "dropped": .integer(report.dropped), "stayed": .integer(report.stayed),
                "gone": .integer(report.gone), "failed": .array(failed),
            ])
        }
        for failure in failures { CommandErrors.note("\(failure.letter.label) stays: \(failure.error.message)") }
        for (queue, count) in report.requeued.sorted(by: { $0.key < $1.key }) {
            print("Requeued \(Counted.text(count, "message")) to \(LogText.name(queue)).")
        }
        if report.dropped > 0 { print("Dropped \(Counted.text(report.dropped, "message")).") }
        if report.gone > 0 { print("Others have taken \(Counted.text(report.gone, "message")) meanwhile.") }
        if report.requeued.isEmpty, report.dropped == 0, failures.isEmpty { print("No dead letters were moved.") }
    }
}

extension DeadLetterReport {
    fileprivate mutating func add(_ other: DeadLetterReport) {
        requeued.merge(other.requeued, uniquingKeysWith: +)
        dropped += other.dropped
        stayed += other.stayed
        gone += other.gone
        failures += other.failures
        end = other.end
    }
}

/// `dead-letters requeue`.
struct DeadLetterRequeueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requeue", abstract: "Send dead letters to their queues again.",
        discussion: """
            Each goes to the queue that it comes from, behind what waits there, as it is: what could not be run for a fault of \
            its own comes back. On Redis it goes from one list to the other in one step. On RabbitMQ it is deleted when the \
            server has confirmed that the other queue has it: whatever happens none is lost, and at most the one of that \
            moment is in both.
            """)

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Dead letters") var options: DeadLetterOptions
    @OptionGroup var change: DeadLetterChange

    @Option(help: "The queue to send them to.", transform: NameArgument.name)
    var to: String?

    mutating func validate() throws { try change.check(options) }

    func run() async throws {
        let broker = try connection.makeBroker(connection.configuration())
        try await change.settle(options, in: options.holders(broker), of: broker, as: .isRequeued(to: to))
    }
}

/// `dead-letters drop`.
struct DeadLetterDropCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop", abstract: "Delete dead letters; there is no way back.")

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Dead letters") var options: DeadLetterOptions
    @OptionGroup var change: DeadLetterChange

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var force = false

    mutating func validate() throws { try change.check(options) }

    func run() async throws {
        let broker = try connection.makeBroker(connection.configuration())
        let queues = try await options.holders(broker)
        if !force, !queues.isEmpty {
            let which = change.all ? "all" : "the chosen"
            let names = queues.map { LogText.name($0).description }.joined(separator: ", ")
            try Confirmation.demand("This will delete \(which) messages of \(names).\nAre you sure?")
        }
        try await change.settle(options, in: queues, of: broker, as: .isDropped)
    }
}
