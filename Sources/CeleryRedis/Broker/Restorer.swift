internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import HeapModule
internal import Logging

/// Looks for messages of `unacked` that nobody sees to any more and puts them back where they came from: overdue by
/// kombu's rule, held by a consumer of this package that is dead, or parked for an eta that is near.
///
/// All workers do so for all queues of the database. kombu takes a mutex for it, because it reads first and restores
/// then; here a script restores each message in one step, or finds that somebody else has. Nothing takes time for each
/// held message unless somebody has died.
final class Restorer: Sendable {
    struct Options: Sendable {
        /// After so long without a renewal a message is overdue, whoever holds it.
        let visibilityTimeout: Duration
        /// Of this consumer.
        let lease: Duration

        /// How often to look.
        var interval: Duration {
            max(.milliseconds(50), min(.seconds(10), lease / 6, max(visibilityTimeout / 2, .milliseconds(500))))
        }
    }

    private struct State {
        var watch = LifeWatch()
        /// The signs written in place of those of the dead.
        var signs: UInt64 = 0
        /// How many consumers gave signs at the last look.
        var consumers = 0
        /// When parked messages come back before the next regular look.
        var dues = Heap<Instant>()
        var isClosed = false
    }

    private typealias Instant = ContinuousClock.Instant

    /// How many messages are put back in one go.
    private static let batch = 100
    /// After so many of a kind the other kinds come first.
    private static let largestRestoration = 2000
    /// How many entries of the index are looked at in one go for those of a dead consumer.
    private static let scanned = 1000
    private static let mostScans = 100_000

    private let link: ConsumerLink
    private let scripts: LoadedScripts
    private let keys: KombuKeys
    private let id: String
    private let options: Options
    private let entryRestorer: EntryRestorer
    private let time: @Sendable () -> Double
    private let state = Locked(State())
    private let wakeUp = WakeSignal()

    /// - Parameters:
    ///   - id: of this consumer, whose own sign is none of a stranger.
    ///   - time: the time in seconds since 1970.
    init(
        link: ConsumerLink, scripts: LoadedScripts, keys: KombuKeys, id: String, options: Options, logger: Logger,
        time: @escaping @Sendable () -> Double
    ) {
        self.link = link
        self.scripts = scripts
        self.keys = keys
        self.id = id
        self.options = options
        self.time = time
        entryRestorer = EntryRestorer(link: link, scripts: scripts, keys: keys, logger: logger)
    }

    /// Looks again and again, until ``close()``.
    func run() async {
        var hasMore = false
        while !state.withLock({ $0.isClosed }) {
            if !hasMore { await pause() }
            guard await link.recovery() else { return }
            hasMore = await check()
        }
    }

    /// Ends it.
    func close() {
        state.withLock { $0.isClosed = true }
        wakeUp.signal()
    }

    /// A message that this consumer has parked comes back after this time; looks then, if that is soon. A farther one
    /// is found in time by whoever looks.
    func expect(after delay: Duration) {
        guard delay < options.interval * 2 else { return }
        state.withLock { $0.dues.insert(.now + delay) }
        wakeUp.signal()
    }

    private func pause() async {
        // With many consumers each looks less often: each sees the signs of all.
        let share = min(max(Double(state.withLock { $0.consumers }) / 100, 1), 2)
        let regular = Instant.now + options.interval * (share * Double.random(in: 0.9...1))
        while true {
            let (isClosed, due) = state.withLock { ($0.isClosed, $0.dues.min) }
            let end = min(regular, due ?? regular)
            if isClosed || end <= .now { return }
            let deadline = Deadlines.shared.add(end) { [wakeUp] in wakeUp.signal() }
            defer { Deadlines.shared.remove(deadline) }
            do { try await wakeUp.wait() } catch { return close() }
        }
    }

    /// Looks once; whether there is more to restore at once.
    func check() async -> Bool {
        state.withLock { state in
            while let due = state.dues.min, due <= .now { state.dues.removeMin() }
        }
        do {
            var hasMore = try await restoreOverdue()
            hasMore = try await restoreDue() || hasMore
            try await restoreOfTheDead()
            return hasMore
        } catch {
            // What was counted does not count any more: live consumers may have been cut off as well.
            state.withLock { $0.watch.startAgain() }
            entryRestorer.note(error)
            return false
        }
    }

    // MARK: Who is dead

    private func restoreOfTheDead() async throws {
        let (asked, outages) = (Instant.now, link.outages)
        let reply = try await link.commands.call(RedisPipeline("HGETALL", keys.workers))
        let fields = reply.array ?? []
        let signs = stride(from: 0, to: fields.count - 1, by: 2).compactMap { index in
            fields[index].text.flatMap { consumer in fields[index + 1].text.map { (consumer, $0) } }
        }
        let (dead, forgotten) = state.withLock { state in
            state.consumers = signs.count
            return state.watch.note(
                signs.filter { $0.0 != id }, asked: asked, heard: .now, outages: outages, time: time())
        }
        for old in forgotten {
            _ = try await link.commands.call(RedisPipeline("HDEL", keys.workers, old.consumer))
        }
        for dead in dead {
            let sign = state.withLock { state in
                state.signs += 1
                return SignOfLife.restoring(observer: id, count: state.signs).text
            }
            guard try await seize(dead.consumer, from: dead.sign, to: sign) else { continue }
            try await restoreAll(of: dead.consumer, sign)
            _ = try await seize(dead.consumer, from: sign, to: SignOfLife.dead(time: time()).text)
        }
    }

    /// Replaces the sign of a consumer, unless it has changed; whether it did.
    private func seize(_ consumer: String, from old: String, to new: String) async throws -> Bool {
        var pipeline = RedisPipeline()
        pipeline.begin(script: scripts[.seize], keys: 1, arguments: 3)
        for part in [keys.workers, consumer, old, new] { pipeline.add(part) }
        return try await LoadedScripts.send(pipeline, on: link.commands).value() == .integer(1)
    }

    private func restoreAll(of consumer: String, _ sign: String) async throws {
        // What the consumers of this package are called needs no escaping in a pattern; what strangers write might.
        guard consumer.utf8.allSatisfy({ Self.isPlain($0) }) else { return }
        // The last one first, so that the first one is next in the queue again.
        var rest = try await tags(of: consumer).sorted { Self.isLater($0.tag, $1.tag) }[...]
        var restoration = Restoration()
        while !rest.isEmpty, !state.withLock({ $0.isClosed }) {
            let batch = rest.prefix(Self.batch)
            rest = rest.dropFirst(Self.batch)
            var query = RedisPipeline()
            query.begin(2 + batch.count)
            query.add("HMGET")
            query.add(keys.unacked)
            for (tag, _) in batch { query.add(tag) }
            let entries = try await link.commands.call(query).array ?? []
            let left = zip(batch, entries).compactMap { one, entry in
                entry.bytes.map { LeftEntry(tag: one.tag, time: one.score, entry: $0) }
            }
            try await entryRestorer.restore(left, .gone(consumer: consumer, sign: sign), &restoration)
        }
        entryRestorer.log(restoration, "its worker \(consumer) gives no sign of life", at: time(), level: .warning)
    }

    /// What a consumer holds, with the scores.
    private func tags(of consumer: String) async throws -> [(tag: [UInt8], score: Double)] {
        var tags: [(tag: [UInt8], score: Double)] = []
        var cursor = "0"
        for _ in 0..<Self.mostScans {
            let reply = try await link.commands.call(
                RedisPipeline(
                    "ZSCAN", keys.unackedIndex, cursor, "MATCH", consumer + ":*", "COUNT", String(Self.scanned)))
            guard let parts = reply.array, parts.count == 2, let next = parts[0].text, let found = parts[1].array else {
                throw TransportError(.rejected, "Redis answers a scan with something else")
            }
            tags += stride(from: 0, to: found.count - 1, by: 2).compactMap { index in
                found[index].bytes.map { ($0, found[index + 1].text.flatMap(Double.init) ?? 0) }
            }
            cursor = next
            if cursor == "0" { return tags }
        }
        throw TransportError(.rejected, "a scan of \(keys.unackedIndex) does not end")
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// By the numbers at the ends of tags with the same beginning.
    private static func isLater(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count ? other.lexicographicallyPrecedes(one) : one.count > other.count
    }

    // MARK: Whose time is over

    /// Restores what is overdue by kombu's rule. As in kombu the last one goes first, so that the first one is next in
    /// the queue again.
    private func restoreOverdue() async throws -> Bool {
        let limit = time() - options.visibilityTimeout.inSeconds
        var restoration = Restoration()
        let hasMore = try await restore(.overdue(score: limit), &restoration) { leaving in
            var pipeline = RedisPipeline()
            pipeline.begin(script: scripts[.overdue], keys: 2, arguments: 3)
            pipeline.add(keys.unacked)
            pipeline.add(keys.unackedIndex)
            pipeline.add(String(limit))
            pipeline.add(String(leaving))
            pipeline.add(String(Self.batch))
            return pipeline
        }
        entryRestorer.log(
            restoration, "older than the visibility timeout of \(options.visibilityTimeout.inSeconds) s", at: time(),
            level: .warning)
        return hasMore
    }

    /// Brings back what was parked.
    private func restoreDue() async throws -> Bool {
        let now = time()
        var restoration = Restoration()
        let hasMore = try await restore(.due, &restoration) { leaving in
            var pipeline = RedisPipeline()
            pipeline.begin(script: scripts[.due], keys: 3, arguments: 2)
            pipeline.add(keys.unacked)
            pipeline.add(keys.unackedIndex)
            pipeline.add(keys.etas)
            pipeline.add(String(now))
            pipeline.add(String(Self.batch + leaving))
            return pipeline
        }
        entryRestorer.log(restoration, "the eta is near", at: time(), level: .debug)
        return hasMore
    }

    /// Restores one batch after the other; whether there is more.
    private func restore(
        _ reason: PutBack.Reason, _ restoration: inout Restoration, _ question: (_ leaving: Int) -> RedisPipeline
    ) async throws -> Bool {
        while !state.withLock({ $0.isClosed }) {
            let reply = try await LoadedScripts.send(question(restoration.stuck), on: link.commands).value()
            guard let found = reply.array else {
                throw TransportError(.rejected, "Redis answers with something else than messages")
            }
            let left = stride(from: 0, to: found.count - 2, by: 3).compactMap { index in
                LeftEntry(tag: found[index], time: found[index + 1], entry: found[index + 2])
            }
            let before = restoration.seen
            try await entryRestorer.restore(left, reason, &restoration)
            // A server that gives the same again and again is not asked again and again.
            guard left.count >= Self.batch, restoration.seen > before, restoration.stuck < Self.batch
            else { return false }
            if restoration.seen >= Self.largestRestoration { return true }
        }
        return false
    }
}
