internal import CeleryIO

/// The consumers of a channel: which queue each stands for, and which queues have none at present because the server has
/// ended it.
struct ServedQueues {
    struct Served {
        /// The queue's position in the configuration.
        let queue: Int
        /// No other consumer of the channel has the same.
        let consumer: UInt32
        fileprivate let since: ContinuousClock.Instant
    }

    /// A consumer that lasts so long was worth making.
    private static let schedule = RetrySchedule(first: .milliseconds(100), maximum: .seconds(10))

    private let name: String
    private let count: Int
    private var generation = 0
    private var lastConsumer: UInt32 = 0
    private var current: [String: Served] = [:]
    /// Those that were replaced last; some of their messages may still be on their way.
    private var former: [String: Served] = [:]
    /// When the queues without a consumer get a new one.
    private var ended: [Int: ContinuousClock.Instant] = [:]
    /// Those of them whose time has come.
    private var returning: Set<Int> = []
    private var schedules: [Int: RetrySchedule] = [:]

    /// - Parameters:
    ///   - name: what the consumers' tags begin with.
    ///   - count: how many queues there are.
    init(name: String, count: Int) {
        self.name = String(name.prefix(100))
        self.count = count
    }

    /// The tags of the consumers, in a fixed order.
    var tags: [String] { current.keys.sorted() }

    var isEmpty: Bool { current.isEmpty }

    /// Whether every queue has its consumer.
    var isComplete: Bool { ended.isEmpty && returning.isEmpty }

    /// Whom a delivery comes from.
    subscript(tag: String) -> Served? { current[tag] ?? former[tag] }

    /// Names a new consumer for each queue. Those that were there are the former ones from now on.
    ///
    /// - Returns: the tags in the order of the queues.
    mutating func beginAll(now: ContinuousClock.Instant) -> [String] {
        former = current
        current = [:]
        generation += 1
        return (0..<count).map { begin($0, now: now) }
    }

    /// The tags of those that were replaced last.
    var formerTags: [String] { former.keys.sorted() }

    /// Names a new consumer for a queue that has none.
    mutating func beginAgain(_ queue: Int, now: ContinuousClock.Instant) -> String {
        returning.remove(queue)
        generation += 1
        return begin(queue, now: now)
    }

    private mutating func begin(_ queue: Int, now: ContinuousClock.Instant) -> String {
        lastConsumer += 1
        let tag = "\(name)-\(queue + 1)" + (generation == 1 ? "" : "-\(generation)")
        current[tag] = Served(queue: queue, consumer: lastConsumer, since: now)
        return tag
    }

    /// The server has ended a consumer; `nil` when it was none of this channel.
    mutating func end(_ tag: String, now: ContinuousClock.Instant) -> Served? {
        guard let served = current.removeValue(forKey: tag) else { return former[tag] }
        // What older consumers of this queue have delivered came before its end.
        former = former.filter { $0.value.queue != served.queue }
        former[tag] = served
        var schedule = schedules[served.queue] ?? Self.schedule
        schedule.reset(afterLasting: now - served.since)
        ended[served.queue] = now + schedule.nextDelay()
        schedules[served.queue] = schedule
        return served
    }

    /// A queue whose time had come cannot be declared at present: it gets its new consumer later.
    mutating func postpone(_ queue: Int, now: ContinuousClock.Instant) {
        returning.remove(queue)
        ended[queue] = now + schedules[queue, default: Self.schedule].nextDelay()
    }

    /// When the next queue gets its new consumer.
    var due: ContinuousClock.Instant? { ended.values.min() }

    /// Takes the queues whose time has come; each gets its consumer by ``beginAgain(_:now:)``.
    mutating func takeDue(at now: ContinuousClock.Instant) -> [Int] {
        if ended.isEmpty { return [] }
        let due = ended.filter { $0.value <= now }.keys.sorted()
        for queue in due { ended[queue] = nil }
        returning.formUnion(due)
        return due
    }
}
