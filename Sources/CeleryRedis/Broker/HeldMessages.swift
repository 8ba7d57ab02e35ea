internal import CeleryIO
internal import CeleryTransport
internal import Logging

/// The messages that a consumer holds, and what is to be told to Redis of them.
///
/// Kept outside of any actor: settling must not wait, and the connection's thread collects the commands right before
/// it writes. It outlives a connection: what Redis has not confirmed is said again, on the next one if need be.
final class HeldMessages: RedisConnection.Upkeep {
    private struct State {
        /// Held messages: our number to the queue they came from.
        var held: [UInt64: String] = [:]
        var acknowledged: [String] = []
        /// When the first of these has waited long enough for others to join it.
        var acknowledgementsDue: ContinuousClock.Instant?
        /// Messages put aside: tag and the score they are to have.
        var parked: [(tag: String, score: Double)] = []
        /// What Redis refused or did not hear, and when it is to be told again.
        var unheard = Report()
        var unheardDue: ContinuousClock.Instant?
        var backoff = Backoff(maximum: .seconds(10))
        /// Whether a refusal was logged since the last success.
        var isRefused = false
        var nextRenewal: ContinuousClock.Instant?
        var nextCheck: ContinuousClock.Instant?
        var isClosed = false
    }

    /// What Redis is told in one go.
    private struct Report {
        var acknowledged: [String] = []
        var parked: [(tag: String, score: Double)] = []
        var renewed: [String] = []

        var isEmpty: Bool { acknowledged.isEmpty && parked.isEmpty && renewed.isEmpty }
    }

    /// How long an acknowledgement waits for others, unless something else is being written anyway. Waking the
    /// thread and writing for each would cost more than the tasks.
    private static let acknowledgementDelay = Duration.milliseconds(1)
    private static let acknowledgementBatch = 256
    /// More would not fit the stack of the server's Lua.
    private static let largestRenewal = 1000

    private let state = Locked(State())
    private let keys: KombuKeys
    /// What the tags in `unacked` of this consumer begin with.
    let tagPrefix: String
    private let renewalInterval: Duration
    private let checkInterval: Duration
    /// The score that a held message gets now.
    private let leaseScore: @Sendable () -> Double
    /// Called on the connection's thread when it is time to look for messages left behind.
    private let onCheckDue: @Sendable () -> Void
    private let logger: Logger

    init(
        keys: KombuKeys,
        tagPrefix: String,
        renewalInterval: Duration,
        checkInterval: Duration,
        logger: Logger,
        leaseScore: @escaping @Sendable () -> Double,
        onCheckDue: @escaping @Sendable () -> Void
    ) {
        self.keys = keys
        self.tagPrefix = tagPrefix
        self.renewalInterval = renewalInterval
        self.checkInterval = checkInterval
        self.logger = logger
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

    /// Whether the message with this number is held.
    func holds(_ number: UInt64) -> Bool { state.withLock { $0.held[number] != nil } }

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

    /// Messages are being delivered: the connection's thread, which this is called on, looks for acknowledgements soon
    /// and need not be woken for the first.
    func expectAcknowledgements() {
        state.withLock { state in
            if state.acknowledgementsDue == nil { state.acknowledgementsDue = .now + Self.acknowledgementDelay }
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

    /// Has all leases renewed and all that was not heard said, at once: there is a new connection.
    func startAgain() {
        state.withLock { state in
            if !state.held.isEmpty { state.nextRenewal = .now }
            if !state.unheard.isEmpty { state.unheardDue = .now }
        }
    }

    func commands(at now: ContinuousClock.Instant, isWriting: Bool) -> RedisConnection.Errand? {
        var isCheckDue = false
        let report = state.withLock { state in
            if let due = state.nextCheck, due <= now {
                isCheckDue = true
                state.nextCheck = now + checkInterval
            }
            return takeReport(&state, at: now, isWriting: isWriting)
        }
        if isCheckDue { onCheckDue() }
        if report.isEmpty { return nil }
        var pipeline = RedisPipeline()
        if !report.acknowledged.isEmpty { remove(report.acknowledged, in: &pipeline) }
        var scores = report.parked[...]
        if !report.renewed.isEmpty {
            let score = leaseScore()
            scores += report.renewed.map { ($0, score) }
        }
        while !scores.isEmpty {
            renew(scores.prefix(Self.largestRenewal), in: &pipeline)
            scores = scores.dropFirst(Self.largestRenewal)
        }
        return RedisConnection.Errand(pipeline: pipeline) { self.hear($0, of: report) }
    }

    private func takeReport(
        _ state: inout State, at now: ContinuousClock.Instant, isWriting: Bool
    ) -> Report {
        var report = Report()
        if let due = state.unheardDue, due <= now || state.isClosed {
            swap(&report, &state.unheard)
            state.unheardDue = nil
        }
        if !state.parked.isEmpty {
            report.parked += state.parked
            state.parked = []
        }
        if let due = state.nextRenewal, due <= now {
            report.renewed = state.held.keys.map(tag)
            state.nextRenewal = state.held.isEmpty ? nil : now + renewalInterval
        }
        let isDue = state.acknowledgementsDue.map { $0 <= now } ?? false
        if isDue || isWriting || state.isClosed || state.acknowledged.count >= Self.acknowledgementBatch {
            if report.acknowledged.isEmpty {
                swap(&report.acknowledged, &state.acknowledged)
            } else {
                report.acknowledged += state.acknowledged
                state.acknowledged = []
            }
            state.acknowledgementsDue = nil
        }
        return report
    }

    /// What has become of a report.
    private func hear(_ outcome: Result<[RESPValue], TransportError>, of report: Report) {
        let refusal: String?
        switch outcome {
        case .success(let replies):
            refusal = replies.lazy.compactMap(\.refusal).first
            if refusal == nil {
                // Nothing to take back, as a rule.
                return state.withLock { state in
                    guard state.isRefused, state.unheard.isEmpty else { return }
                    state.backoff.reset()
                    state.isRefused = false
                }
            }
        case .failure: refusal = nil
        }
        let isNew = state.withLock { state in
            state.unheard.acknowledged += report.acknowledged
            state.unheard.parked += report.parked
            if refusal == nil {
                // The connection is lost: the next one asks for it, by `startAgain()`.
                state.unheardDue = nil
            } else {
                let again = ContinuousClock.now + state.backoff.delay()
                state.unheardDue = again
                if !report.renewed.isEmpty, !state.held.isEmpty { state.nextRenewal = again }
            }
            defer { state.isRefused = state.isRefused || refusal != nil }
            return !state.isRefused
        }
        if isNew, let refusal {
            logger.error(
                "Redis refuses to note what became of messages, trying again", metadata: ["error": "\(refusal)"])
        }
    }

    /// Logs what could not be said before the end.
    func logUnsaid() {
        let count = state.withLock { $0.acknowledged.count + $0.unheard.acknowledged.count }
        guard count > 0 else { return }
        logger.error("Redis was not told that tasks are done: they will run again", metadata: ["count": "\(count)"])
    }

    /// One after the other, the entry first: what is left when only this one is heard is cleared away by whoever looks
    /// for messages left behind. In a transaction both would be refused by a server that is out of memory.
    private func remove(_ tags: [String], in pipeline: inout RedisPipeline) {
        for (command, key) in [("HDEL", keys.unacked), ("ZREM", keys.unackedIndex)] {
            pipeline.begin(2 + tags.count)
            pipeline.add(command)
            pipeline.add(key)
            for tag in tags { pipeline.add(tag) }
        }
    }

    private func renew(_ scores: ArraySlice<(tag: String, score: Double)>, in pipeline: inout RedisPipeline) {
        // The script itself: it is seldom called, and there is no digest that the server could have forgotten.
        pipeline.begin(4 + 2 * scores.count)
        pipeline.add("EVAL")
        pipeline.add(RedisScript.renew.source)
        pipeline.add("1")
        pipeline.add(keys.unackedIndex)
        for entry in scores {
            pipeline.add(String(entry.score))
            pipeline.add(entry.tag)
        }
    }

    var nextDeadline: ContinuousClock.Instant? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            return [state.acknowledgementsDue, state.unheardDue, state.nextRenewal, state.nextCheck]
                .compactMap { $0 }.min()
        }
    }
}
