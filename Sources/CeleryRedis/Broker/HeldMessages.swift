internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// The messages that a consumer holds, and what is to be told to Redis of them.
///
/// Kept outside of any actor: settling must not wait, and the connection's thread collects the commands right before
/// it writes. It belongs to the consumer and outlives connections: what Redis has not confirmed is said again, on the
/// next one if need be, however late that is made.
final class HeldMessages: RedisConnection.Upkeep {
    private enum Standing {
        /// Not settled.
        case open
        /// Settled, and on its way back to a list: renewed until it is there.
        case returning
        /// Not settled, and no longer in Redis, which was emptied: only this consumer has it.
        case unbacked
    }

    private struct Entry {
        let queue: String
        var standing = Standing.open
    }

    private struct State {
        /// By our number.
        var held: [UInt64: Entry] = [:]
        var acknowledged: [String] = []
        /// When the first of these has waited long enough for others to join it.
        var acknowledgementsDue: ContinuousClock.Instant?
        var parked: [Parking] = []
        /// What Redis refused or did not hear, and when it is to be told again.
        var unheard = HeldReport()
        var unheardDue: ContinuousClock.Instant?
        var schedule = RetrySchedule(maximum: .seconds(10))
        /// Whether a refusal was logged since the last success.
        var isRefused = false
        var nextRenewal: ContinuousClock.Instant?
        var signs: UInt64 = 1
        /// When the last sign of life was given that Redis has heard.
        var lastSign = ContinuousClock.now
        var isClosed = false
    }

    /// A message that is put aside until its eta.
    struct Parking: Sendable {
        let tag: String
        /// In seconds since 1970: its score, by which no peer finds it overdue before it.
        let eta: Double
        /// When to bring it back.
        let due: Double
    }

    /// How long an acknowledgement waits for others, unless something else is being written anyway. Waking the
    /// thread and writing for each would cost more than the tasks.
    private static let acknowledgementDelay = Duration.milliseconds(1)
    private static let acknowledgementBatch = 256
    /// However long the lease: no peer with a visibility timeout of a minute finds what is held here overdue.
    private static let longestRenewal = Duration.seconds(20)

    /// What the tags in `unacked` of this consumer begin with, without the colon.
    let id: String
    private let state = Locked(State())
    private let keys: KombuKeys
    private let tagPrefix: String
    private let lease: Duration
    private let renewalInterval: Duration
    private let time: @Sendable () -> Double
    private let logger: Logger

    /// - Parameter time: the time in seconds since 1970.
    init(
        keys: KombuKeys, id: String, lease: Duration, logger: Logger, time: @escaping @Sendable () -> Double
    ) {
        self.keys = keys
        self.id = id
        tagPrefix = id + ":"
        self.lease = lease
        renewalInterval = min(lease / 3, Self.longestRenewal)
        self.logger = logger
        self.time = time
    }

    /// The tag in `unacked` of the message with this number; without one, what all tags begin with.
    func tag(_ number: UInt64?) -> String { number.map { tagPrefix + String($0) } ?? tagPrefix }

    /// How many messages are held.
    var count: Int { state.withLock { $0.held.count } }

    /// The longest wait between two tries to connect: others are back at different times after an outage, and must hear
    /// of this one before they count it as dead.
    var longestPause: Duration { max(.milliseconds(100), min(lease / 6, .seconds(5))) }

    /// Without a connection for so long, live consumers may have missed giving a sign.
    var shortestOutage: Duration { min(lease / 10, .seconds(1)) }

    // MARK: What becomes of messages

    /// Notes messages that were claimed.
    func add(_ messages: [(number: UInt64, queue: String)]) {
        state.withLock { state in
            for message in messages { state.held[message.number] = Entry(queue: message.queue) }
        }
    }

    /// Whether a message is held.
    enum Holding {
        case held
        /// Somebody else has it, or it is settled.
        case gone
        /// No sign of life was heard for so long that others may be taking it: it must not start here.
        case doubtful
    }

    /// Whether the message with this number is held.
    func holding(_ number: UInt64) -> Holding {
        state.withLock { state in
            switch state.held[number]?.standing {
            case nil, .returning: .gone
            case .unbacked: .held
            case .open: .now < state.lastSign + lease ? .held : .doubtful
            }
        }
    }

    /// The message is done with: Redis hears of it with the next write. Whether the connection's thread must be told,
    /// because this is the first of a batch.
    func acknowledge(_ number: UInt64) -> Bool {
        state.withLock { state in
            guard let entry = state.held[number], entry.standing != .returning else { return false }
            state.held[number] = nil
            guard entry.standing == .open else { return false }
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

    /// Stops holding the message and has Redis put it aside. Whether it was held.
    func park(_ number: UInt64, eta: Double, due: Double) -> Bool {
        state.withLock { state in
            guard state.held[number]?.standing == .open else { return false }
            state.held[number] = nil
            state.parked.append(Parking(tag: tag(number), eta: eta, due: due))
            return true
        }
    }

    /// The message goes back to a list: it is renewed until ``remove(_:)``. Its queue, or `nil` when it is not held.
    func beginReturn(_ number: UInt64) -> String? {
        state.withLock { state in
            guard let entry = state.held[number], entry.standing != .returning else { return nil }
            state.held[number]?.standing = .returning
            return entry.queue
        }
    }

    /// As ``beginReturn(_:)`` for all messages that are not settled, the last one first.
    func beginReturnOfAll() -> [(number: UInt64, queue: String)] {
        state.withLock { state in
            let open = state.held.filter { $0.value.standing != .returning }
            for number in open.keys { state.held[number]?.standing = .returning }
            return open.sorted { $0.key > $1.key }.map { ($0.key, $0.value.queue) }
        }
    }

    /// Stops holding messages.
    func remove(_ numbers: some Sequence<UInt64>) {
        state.withLock { state in for number in numbers { state.held[number] = nil } }
    }

    // MARK: Beginning and end

    /// Adds the first sign of life, before anything is held.
    func begin(in pipeline: inout RedisPipeline) {
        pipeline.append("HSET", keys.workers, id, sign(1))
        state.withLock { state in
            state.lastSign = .now
            state.nextRenewal = .now + renewalInterval
        }
    }

    /// Adds the end of the signs of life, if nothing is held any more; else others see to the rest.
    func end(in pipeline: inout RedisPipeline) {
        let isFree = state.withLock { $0.held.isEmpty && $0.unheard.isEmpty && $0.acknowledged.isEmpty }
        if isFree { pipeline.append("HDEL", keys.workers, id) }
    }

    /// Ends all upkeep.
    func close() {
        state.withLock { $0.isClosed = true }
    }

    /// Has all leases renewed and all that was not heard said, at once: there is a new connection.
    func startAgain() {
        state.withLock { state in
            state.nextRenewal = .now
            if !state.unheard.isEmpty { state.unheardDue = .now }
        }
    }

    private func sign(_ count: UInt64) -> String { SignOfLife.alive(count: count, lease: lease.inSeconds).text }

    // MARK: Telling Redis

    func commands(at now: ContinuousClock.Instant, isWriting: Bool) -> PendingCommand? {
        let report = state.withLock { takeReport(&$0, at: now, isWriting: isWriting) }
        guard let report else { return nil }
        return PendingCommand(pipeline: report.pipeline(keys, id: id, tagPrefix, time: time)) {
            self.hear($0, of: report)
        }
    }

    private func takeReport(
        _ state: inout State, at now: ContinuousClock.Instant, isWriting: Bool
    ) -> HeldReport? {
        var report = HeldReport()
        if let due = state.unheardDue, due <= now || state.isClosed {
            swap(&report, &state.unheard)
            state.unheardDue = nil
        }
        if !state.parked.isEmpty {
            report.parked += state.parked
            state.parked = []
        }
        if let due = state.nextRenewal, due <= now, !state.isClosed {
            state.signs += 1
            report.renewal = HeldReport.Renewal(
                sign: sign(state.signs), made: .now,
                numbers: state.held.filter { $0.value.standing != .unbacked }.map(\.key))
            state.nextRenewal = now + renewalInterval
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
        return report.isEmpty ? nil : report
    }

    /// What has become of a report.
    private func hear(_ outcome: Result<[RESPValue], TransportError>, of report: HeldReport) {
        guard case .success(let replies) = outcome else {
            // The connection is lost: whichever is next says it.
            return state.withLock { state in
                state.unheard.take(back: report)
                state.unheardDue = .now
            }
        }
        guard let refusal = replies.lazy.compactMap(\.refusal).first else { return hear(replies, of: report) }
        let isNew = state.withLock { state in
            state.unheard.take(back: report)
            let again = ContinuousClock.now + state.schedule.nextDelay()
            state.unheardDue = again
            if report.renewal != nil, let renewal = state.nextRenewal { state.nextRenewal = min(renewal, again) }
            defer { state.isRefused = true }
            return !state.isRefused
        }
        if isNew {
            logger.error(
                "Redis refuses to note what became of messages, trying again", metadata: ["error": "\(refusal)"])
        }
    }

    /// All was heard. What Redis did not find was somebody else's already.
    private func hear(_ replies: [RESPValue], of report: HeldReport) {
        let (lost, isEmptied) = state.withLock { state -> (Int, Bool) in
            if state.isRefused, state.unheard.isEmpty {
                state.schedule.reset()
                state.isRefused = false
            }
            var lost = report.isRepeated ? 0 : report.missingAcknowledgements(replies)
            guard let renewal = report.renewal else { return (lost, false) }
            state.lastSign = max(state.lastSign, renewal.made)
            let (before, gone) = report.outcome(ofRenewal: replies)
            for number in gone where state.held[number]?.standing == .open {
                if before == nil {
                    state.held[number]?.standing = .unbacked
                } else {
                    state.held[number] = nil
                }
                lost += 1
            }
            return (lost, before == nil && lost > 0)
        }
        if lost == 0 { return }
        if isEmptied {
            logger.warning("Redis was emptied: what is held here runs all the same", metadata: ["count": "\(lost)"])
        } else {
            logger.warning(
                "somebody else has restored messages that were held here: those that run here run twice",
                metadata: ["count": "\(lost)"])
        }
    }

    /// Logs what could not be said before the end.
    func logUnsaid() {
        let count = state.withLock { $0.acknowledged.count + $0.unheard.acknowledged.count }
        guard count > 0 else { return }
        logger.error("Redis was not told that tasks are done: they will run again", metadata: ["count": "\(count)"])
    }

    var nextDeadline: ContinuousClock.Instant? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            return [state.acknowledgementsDue, state.unheardDue, state.nextRenewal].compactMap { $0 }.min()
        }
    }
}
