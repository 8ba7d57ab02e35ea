/// When to consume anew, where the prefetch count is a limit of each consumer: on RabbitMQ 4 and for quorum queues.
///
/// Such a limit cannot be raised, and messages that wait for their eta count against it: enough of them, and nothing
/// else is delivered. But what is held does not count against a new consumer's limit.
struct ConsumerLimits {
    /// New consumers with a lower limit can wait until the need has been low for so long.
    private static let patience = Duration.seconds(1)
    /// Of many etas, so many more may be let in before the next new consumers.
    private static let largestReserve = 128

    private let prefetch: Int
    /// The limit of each present consumer.
    private(set) var limit: Int
    /// How many messages may be held beyond the prefetch count.
    var extra = 0
    /// How many messages each present consumer has delivered that are held.
    private var held: [String: Int] = [:]
    private var consumers: [UInt64: String] = [:]
    private var changedAt: ContinuousClock.Instant?

    /// - Parameter prefetch: the prefetch count, not 0.
    init(prefetch: Int) {
        self.prefetch = prefetch
        limit = prefetch
    }

    /// These are the consumers from now on.
    mutating func begin(_ tags: [String], limit: Int, now: ContinuousClock.Instant) {
        self.limit = limit
        held = Dictionary(uniqueKeysWithValues: tags.map { ($0, 0) })
        consumers = [:]
        changedAt = now
    }

    /// The server has ended this consumer; its messages were settled before.
    mutating func end(_ consumer: String) { held[consumer] = nil }

    /// There is one more consumer, with the limit that the others have.
    mutating func begin(_ consumer: String) { held[consumer] = 0 }

    mutating func deliver(_ tag: UInt64, by consumer: String) {
        guard held[consumer] != nil else { return }
        held[consumer, default: 0] += 1
        consumers[tag] = consumer
    }

    mutating func settle(_ tag: UInt64) {
        guard let consumer = consumers.removeValue(forKey: tag) else { return }
        held[consumer, default: 0] -= 1
    }

    /// How many messages are missing that could be held; negative when the limits allow too many.
    private func shortage(heldInAll: Int) -> Int {
        let room = limit - (held.values.max() ?? 0)
        return prefetch + extra - heldInAll - room
    }

    private func isTooHigh(heldInAll: Int) -> Bool {
        limit > prefetch && -shortage(heldInAll: heldInAll) > limit / 2
    }

    /// The limit of new consumers; `nil` when those that are there will do.
    ///
    /// - Parameter heldInAll: all messages that are held, those of former consumers among them.
    func renewal(heldInAll: Int, now: ContinuousClock.Instant) -> Int? {
        let shortage = shortage(heldInAll: heldInAll)
        let isTooLow = shortage >= max(1, prefetch / 4) && prefetch + extra > heldInAll
        guard isTooLow || dueTime(heldInAll: heldInAll).map({ $0 <= now }) == true else { return nil }
        return max(prefetch + extra - heldInAll, prefetch) + min(extra / 8, Self.largestReserve)
    }

    /// When to ask again, because the limits are too high.
    func dueTime(heldInAll: Int) -> ContinuousClock.Instant? {
        guard let changedAt, isTooHigh(heldInAll: heldInAll) else { return nil }
        return changedAt + Self.patience
    }
}
