/// How many messages the server sends before it hears of settlements: one limit for the whole channel, or one for each
/// consumer.
struct PrefetchLimit {
    /// So many messages are remembered when they are acknowledged, at least, and where no prefetch count limits them.
    private static let (leastRemembered, mostRemembered) = (1024, 65_536)

    /// The prefetch count that is wished for; 0 for none.
    private let wished: Int
    private let queueCount: Int
    /// Whether one limit holds for the whole channel and can be changed while consuming.
    private(set) var isGlobal = false
    /// What the server was told last.
    private(set) var count: UInt16 = 0
    private var largestCount = 0
    /// `nil` where the limit is for the channel, or where there is none.
    private var consumers: ConsumerLimits?

    init(_ wished: Int, queueCount: Int) {
        self.wished = wished
        self.queueCount = queueCount
    }

    /// Whether the server is told of it at the beginning.
    var isSaid: Bool { count > 0 || isGlobal }

    /// Of how many acknowledgements the server may not have heard: it sends no more than the prefetch count before.
    var mostUnheard: Int {
        if largestCount == 0 { return Self.mostRemembered }
        return min(Self.mostRemembered, max(Self.leastRemembered, 2 * largestCount * queueCount))
    }

    mutating func begin(isGlobal: Bool) {
        self.isGlobal = isGlobal
        tell(PrefetchRule.count(wished, extra: 0))
    }

    /// These are the first consumers, and they leave it to their receiver to settle.
    mutating func begin(_ tags: [String], now: ContinuousClock.Instant) {
        guard count > 0, !isGlobal else { return }
        consumers = ConsumerLimits(prefetch: Int(count))
        consumers?.begin(tags, limit: Int(count), now: now)
    }

    private mutating func tell(_ count: UInt16) {
        self.count = count
        largestCount = max(largestCount, Int(count))
    }

    // MARK: Changes

    /// So many more messages than the prefetch count may be held; whether the server is to be told another limit of the
    /// channel.
    ///
    /// - Parameter isConsuming: whether the channel's limit may change now.
    mutating func adjust(extra: Int, isConsuming: Bool) -> Bool {
        consumers?.extra = max(0, extra)
        guard isConsuming, isGlobal else { return false }
        let count = PrefetchRule.count(wished, extra: extra)
        guard count != self.count else { return false }
        tell(count)
        return true
    }

    /// Whether the limits are those of the consumers.
    var isOfConsumers: Bool { consumers != nil }

    /// When to ask for a ``renewal(heldInAll:now:)`` again, because the consumers' limits are too high.
    func dueTime(heldInAll: Int) -> ContinuousClock.Instant? { consumers?.dueTime(heldInAll: heldInAll) }

    /// The limit of new consumers; `nil` when those that are there will do.
    func renewal(heldInAll: Int, now: ContinuousClock.Instant) -> UInt16? {
        consumers?.renewal(heldInAll: heldInAll, now: now).map { UInt16(clamping: $0) }
    }

    /// There are new consumers with this limit in the place of those that were there.
    mutating func renew(_ tags: [String], limit: UInt16, now: ContinuousClock.Instant) {
        tell(limit)
        consumers?.begin(tags, limit: Int(limit), now: now)
    }

    // MARK: What each consumer holds

    mutating func begin(_ consumer: String) { consumers?.begin(consumer) }

    mutating func end(_ consumer: String) { consumers?.end(consumer) }

    mutating func deliver(_ tag: UInt64, by consumer: String) { consumers?.deliver(tag, by: consumer) }

    mutating func settle(_ tag: UInt64) { consumers?.settle(tag) }
}
