internal import CeleryIO
internal import CeleryTransport
internal import DequeModule
internal import Logging

/// The settlements of a consumer that move messages to lists: given back, requeued, or to the dead letters.
///
/// They are carried out in the background, many at a time, and stay held until then. How many may be under way is
/// limited: the consumer claims no more than can be brought back.
final class ReturnQueue: Sendable {
    enum Kind: Sendable {
        case last, next, deadLetter
        /// Perhaps claimed, by a claim whose answer was lost. Its queue stands in its entry.
        case unheard
    }

    private struct Settled {
        let number: UInt64
        let queue: String
        let kind: Kind
    }

    private struct State {
        var settled = Deque<Settled>()
        /// Of those that were taken out and are on their way.
        var underWay = 0
        var worker: Task<Void, Never>?
        var isClosed = false
        /// How many have been seen to so far.
        var done = 0
    }

    /// No more than so many wait.
    static let capacity = 1000
    private static let largestBatch = 200
    private static let givingUp: Logger.Message = "messages cannot be put back; they come back later"

    private let link: ConsumerLink
    private let scripts: LoadedScripts
    private let keys: KombuKeys
    private let held: HeldMessages
    private let logger: Logger
    /// Called when some are done.
    private let onProgress: @Sendable () -> Void
    private let refusals = RefusalLog()
    private let state = Locked(State())

    init(
        link: ConsumerLink, scripts: LoadedScripts, keys: KombuKeys, held: HeldMessages, logger: Logger,
        onProgress: @escaping @Sendable () -> Void
    ) {
        self.link = link
        self.scripts = scripts
        self.keys = keys
        self.held = held
        self.logger = logger
        self.onProgress = onProgress
    }

    /// How many wait or are under way.
    var count: Int { state.withLock { $0.settled.count + $0.underWay } }

    /// How many have been seen to since the beginning.
    var done: Int { state.withLock { $0.done } }

    /// Brings messages back that ``HeldMessages/beginReturn(_:)`` named.
    func add(_ messages: [(number: UInt64, queue: String)], _ kind: Kind) {
        state.withLock { state in
            state.settled += messages.map { Settled(number: $0.number, queue: $0.queue, kind: kind) }
            if state.worker == nil, !state.settled.isEmpty, !state.isClosed {
                state.worker = Task { await self.run() }
            }
        }
    }

    /// Waits until nothing is under way.
    func wait() async {
        while let worker = state.withLock({ $0.worker }) { await worker.value }
    }

    /// Gives up what is not done; others find it when this consumer's signs of life have ended.
    func close() {
        let left = state.withLock { state in
            state.isClosed = true
            return state.settled.count + state.underWay
        }
        guard left > 0 else { return }
        logger.error(
            "messages could not be put back before the end; they come back later", metadata: ["count": "\(left)"])
    }

    private func run() async {
        var schedule = RetrySchedule(maximum: .seconds(10))
        while let batch = take() {
            var rest = batch[...]
            while !rest.isEmpty, !state.withLock({ $0.isClosed }) {
                do {
                    try await bring(Array(rest))
                    schedule.reset()
                    rest = []
                } catch let error as TransportError where error.code == .connectionLost {
                    // What was put back before the loss is no longer in Redis, and not put back again.
                    if await !link.recovery() { break }
                } catch let error as TransportError where error.isPassing(afterSuccess: true) {
                    log("messages cannot be put back, trying again", error.message, count: rest.count)
                    await pause(schedule.nextDelay())
                } catch {
                    log(Self.givingUp, "\(error)", count: rest.count)
                    rest = []
                }
            }
            finish(batch)
        }
    }

    /// Nobody cancels it: who does not want to wait closes the queue and goes.
    private func pause(_ delay: Duration) async {
        do { try await Task.sleep(for: delay) } catch { logger.trace("a pause was cut short") }
    }

    /// The next ones that go the same way.
    private func take() -> [Settled]? {
        state.withLock { state in
            guard let first = state.settled.first, !state.isClosed else {
                state.worker = nil
                return nil
            }
            let batch = state.settled.prefix(Self.largestBatch).prefix { settled in
                settled.kind == first.kind && (first.kind != .deadLetter || settled.queue == first.queue)
            }
            state.settled.removeFirst(batch.count)
            state.underWay = batch.count
            return Array(batch)
        }
    }

    private func finish(_ batch: [Settled]) {
        let isClosed = state.withLock { state in
            if !state.isClosed { state.underWay = 0 }
            state.done += batch.count
            return state.isClosed
        }
        if isClosed { return }
        held.remove(batch.map(\.number))
        onProgress()
    }

    // MARK: On the way

    private func bring(_ batch: [Settled]) async throws {
        guard let first = batch.first else { return }
        let replies: [RESPValue]
        if first.kind == .deadLetter {
            replies = try await bury(batch, queue: first.queue)
        } else {
            replies = try await putBack(batch, first.kind == .last ? .last : .next)
        }
        let moved = replies.reduce(0) { sum, reply in
            sum + (reply.integer.flatMap { (0...batch.count).contains($0) ? $0 : nil } ?? 0)
        }
        if let refusal = replies.lazy.compactMap(\.refusal).first {
            let error = TransportError(refusal: refusal)
            // Those that are done are not found again.
            if error.isPassing(afterSuccess: true) { throw error }
            return log(Self.givingUp, refusal, count: replies.count { $0.refusal != nil })
        }
        refusals.passed()
        if first.kind == .unheard {
            guard moved > 0 else { return }
            logger.info("the answer to a claim was lost, its messages are put back", metadata: ["count": "\(moved)"])
        } else if moved < batch.count {
            logger.warning(
                "messages to be put back are no longer in Redis: somebody else has restored them, or it was emptied",
                metadata: ["count": "\(batch.count - moved)"])
        }
    }

    /// Moved as they are, without coming here.
    private func bury(_ batch: [Settled], queue: String) async throws -> [RESPValue] {
        var pipeline = RedisPipeline()
        pipeline.begin(script: scripts[.bury], keys: 3, arguments: 1 + batch.count)
        pipeline.add(keys.unacked)
        pipeline.add(keys.unackedIndex)
        pipeline.add(keys.deadLetters(queue))
        pipeline.add(String(ClaimSource.entryEnd(queue).count))
        for settled in batch { pipeline.add(held.tag(settled.number)) }
        return try await LoadedScripts.send(pipeline, on: link.commands)
    }

    private func putBack(_ batch: [Settled], _ end: PutBack.End) async throws -> [RESPValue] {
        var query = RedisPipeline()
        query.begin(2 + batch.count)
        query.add("HMGET")
        query.add(keys.unacked)
        for settled in batch { query.add(held.tag(settled.number)) }
        let entries = try await link.commands.call(query).array ?? []
        var pipeline = RedisPipeline()
        for (settled, entry) in zip(batch, entries) {
            guard let entry = entry.bytes else { continue }
            place(settled, entry).add(to: &pipeline, scripts, keys, end, .held)
        }
        return try await LoadedScripts.send(pipeline, on: link.commands)
    }

    /// Back to its own queue; what is not kombu's to the dead letters, cut out of the entry.
    private func place(_ settled: Settled, _ entry: [UInt8]) -> PutBack {
        let tag = Array(held.tag(settled.number).utf8)
        if let content = HeldEntry(entry) {
            let queue = settled.kind == .unheard ? content.routingKey : settled.queue
            let list = keys.queue(queue, priority: content.priority)
            return PutBack(tag: tag, message: content.envelope, lists: [list])
        }
        let end = ClaimSource.entryEnd(settled.queue)
        let isOurs = entry.first == UInt8(ascii: "[") && entry.count > end.count
        return PutBack(
            tag: tag, message: isOurs ? Array(entry[1..<(entry.count - end.count)]) : entry,
            lists: [keys.deadLetters(settled.kind == .unheard ? keys.unacked : settled.queue)])
    }

    /// Once per reason, until something succeeds.
    private func log(_ what: Logger.Message, _ reason: String, count: Int) {
        guard refusals.isNew(reason) else { return }
        logger.error(what, metadata: ["count": "\(count)", "error": "\(reason)"])
    }
}
