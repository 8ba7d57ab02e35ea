internal import CeleryIO

/// The messages that a consumer holds, and what is to be told to Redis of them.
///
/// Kept outside of any actor: settling must not wait, and the connection's thread collects the commands right before
/// it writes.
final class HeldMessages: RedisConnection.Upkeep {
    private struct State {
        /// Held messages: our number to the queue they came from.
        var held: [UInt64: String] = [:]
        var acknowledged: [String] = []
        /// When the first of these has waited long enough for others to join it.
        var acknowledgementsDue: ContinuousClock.Instant?
        /// Messages put aside: tag and the score they are to have.
        var parked: [(tag: String, score: Double)] = []
        var nextRenewal: ContinuousClock.Instant?
        var nextCheck: ContinuousClock.Instant?
        var isClosed = false
    }

    /// How long an acknowledgement waits for others, unless something else is being written anyway. Waking the
    /// thread and writing for each would cost more than the tasks.
    private static let acknowledgementDelay = Duration.microseconds(200)
    private static let acknowledgementBatch = 256

    private let state = Locked(State())
    private let keys: KombuKeys
    private let tagPrefix: String
    private let renewalInterval: Duration
    private let checkInterval: Duration
    /// The score that a held message gets now.
    private let leaseScore: @Sendable () -> Double
    /// Called on the connection's thread when it is time to look for messages left behind.
    private let onCheckDue: @Sendable () -> Void

    init(
        keys: KombuKeys,
        tagPrefix: String,
        renewalInterval: Duration,
        checkInterval: Duration,
        leaseScore: @escaping @Sendable () -> Double,
        onCheckDue: @escaping @Sendable () -> Void
    ) {
        self.keys = keys
        self.tagPrefix = tagPrefix
        self.renewalInterval = renewalInterval
        self.checkInterval = checkInterval
        self.leaseScore = leaseScore
        self.onCheckDue = onCheckDue
    }

    /// The tag in `unacked` of the message with this number.
    func tag(_ number: UInt64) -> String { tagPrefix + String(number) }

    /// Notes messages that were claimed.
    func add(_ messages: [(number: UInt64, queue: String)]) {
        state.withLock { state in
            for message in messages { state.held[message.number] = message.queue }
            if state.nextRenewal == nil { state.nextRenewal = .now + renewalInterval }
        }
    }

    /// The message is done with: Redis hears of it with the next write. Whether the connection's thread must be told,
    /// because this is the first of a batch.
    func acknowledge(_ number: UInt64) -> Bool {
        state.withLock { state in
            guard state.held.removeValue(forKey: number) != nil else { return false }
            state.acknowledged.append(tag(number))
            guard state.acknowledgementsDue == nil else { return false }
            state.acknowledgementsDue = .now + Self.acknowledgementDelay
            return true
        }
    }

    /// Stops holding the message and has Redis give it this score. Whether it was held.
    ///
    /// - Parameter duration: after which time it can be restored.
    func park(_ number: UInt64, score: Double, for duration: Duration) -> Bool {
        state.withLock { state in
            guard state.held.removeValue(forKey: number) != nil else { return false }
            state.parked.append((tag(number), score))
            let due = ContinuousClock.now + duration
            if let check = state.nextCheck, due < check { state.nextCheck = due }
            return true
        }
    }

    /// Stops holding the message, for somebody who sees to it otherwise; its queue, or `nil` when it was not held.
    func remove(_ number: UInt64) -> String? {
        state.withLock { $0.held.removeValue(forKey: number) }
    }

    /// Stops holding all messages.
    func removeAll() -> [UInt64: String] {
        state.withLock { state in
            defer { state.held = [:] }
            return state.held
        }
    }

    /// Starts to look out for messages left behind, at once.
    func startChecking() {
        state.withLock { $0.nextCheck = .now }
    }

    /// Ends all upkeep.
    func close() {
        state.withLock { $0.isClosed = true }
    }

    func commands(at now: ContinuousClock.Instant, isWriting: Bool) -> RedisPipeline? {
        var isCheckDue = false
        let (acknowledged, scores) = state.withLock { state -> ([String], [(tag: String, score: Double)]) in
            var scores = state.parked
            if let due = state.nextRenewal, due <= now {
                let score = leaseScore()
                scores += state.held.keys.map { (tag($0), score) }
                state.nextRenewal = state.held.isEmpty ? nil : now + renewalInterval
            }
            if let due = state.nextCheck, due <= now {
                isCheckDue = true
                state.nextCheck = now + checkInterval
            }
            state.parked.removeAll(keepingCapacity: true)
            let isDue = state.acknowledgementsDue.map { $0 <= now } ?? false
            guard isDue || isWriting || state.isClosed || state.acknowledged.count >= Self.acknowledgementBatch else {
                return ([], scores)
            }
            state.acknowledgementsDue = nil
            defer { state.acknowledged.removeAll(keepingCapacity: true) }
            return (state.acknowledged, scores)
        }
        if isCheckDue { onCheckDue() }
        guard !acknowledged.isEmpty || !scores.isEmpty else { return nil }
        var pipeline = RedisPipeline()
        if !acknowledged.isEmpty { remove(acknowledged, in: &pipeline) }
        if !scores.isEmpty { renew(scores, in: &pipeline) }
        return pipeline
    }

    private func remove(_ tags: [String], in pipeline: inout RedisPipeline) {
        pipeline.append("MULTI")
        for (command, key) in [("ZREM", keys.unackedIndex), ("HDEL", keys.unacked)] {
            pipeline.begin(2 + tags.count)
            pipeline.add(command)
            pipeline.add(key)
            for tag in tags { pipeline.add(tag) }
        }
        pipeline.append("EXEC")
    }

    private func renew(_ scores: [(tag: String, score: Double)], in pipeline: inout RedisPipeline) {
        // XX: what somebody else has settled or restored must not come back.
        pipeline.begin(3 + 2 * scores.count)
        pipeline.add("ZADD")
        pipeline.add(keys.unackedIndex)
        pipeline.add("XX")
        for entry in scores {
            pipeline.add(String(entry.score))
            pipeline.add(entry.tag)
        }
    }

    var nextDeadline: ContinuousClock.Instant? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            return [state.acknowledgementsDue, state.nextRenewal, state.nextCheck].compactMap { $0 }.min()
        }
    }
}
