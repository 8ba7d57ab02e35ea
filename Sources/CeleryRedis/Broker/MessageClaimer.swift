internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Claims messages from a consumer's lists: whenever there is room and something is announced to be there, or, when
/// nothing is announced, in intervals.
final class MessageClaimer: Sendable {
    /// More would not fit the stack of the server's Lua.
    private static let largestClaim = 500

    private struct Progress {
        /// Large, so that the tags of a claim, which all have the same score, sort as they were claimed.
        var nextNumber: UInt64 = 1_000_000_000
        var firstQueue = 0
        /// Whether the last claim left nothing behind. Whoever watches then hears of the next push.
        var areListsEmpty = false
        var isStopped = false
        /// How long to wait before the next claim after Redis has refused one, and until when.
        var refusals = RetrySchedule(maximum: .seconds(5))
        var nextTry: ContinuousClock.Instant?
        /// The keys that are no lists, which are logged once.
        var misfits: Set<String> = []
        /// How often to ask when pushes are not announced.
        var asking = MessageClaimer.asking
    }

    private static let asking = RetrySchedule(first: .milliseconds(5), maximum: .milliseconds(250))

    private let link: ConsumerLink
    private let held: HeldMessages
    private let returns: ReturnQueue
    private let news: RedisNews
    private let turns: TurnTaker
    private let source: ClaimSource
    private let queues: [String]
    /// Whether each claim begins with another queue.
    private let isRoundRobin: Bool
    private let logger: Logger
    private let time: @Sendable () -> Double
    private let hasRoom: WakeSignal
    private let progress = Locked(Progress())
    private let lookouts = Lookouts()

    /// - Parameters:
    ///   - hasRoom: is signalled when there is room again.
    ///   - source: makes the claims.
    ///   - returns: what waits there counts as room that is taken.
    ///   - isRoundRobin: whether each claim begins with another queue.
    ///   - time: the time in seconds since 1970.
    init(
        link: ConsumerLink, news: RedisNews, hasRoom: WakeSignal, source: ClaimSource, held: HeldMessages,
        returns: ReturnQueue, _ configuration: ConsumerConfiguration, isRoundRobin: Bool = true, logger: Logger,
        time: @escaping @Sendable () -> Double
    ) {
        self.link = link
        self.news = news
        self.hasRoom = hasRoom
        self.source = source
        self.held = held
        self.returns = returns
        self.logger = logger
        self.time = time
        queues = configuration.queues.map(\.name)
        self.isRoundRobin = isRoundRobin
        turns = TurnTaker(link: link, news: news, watching: source.watching, logger: logger)
    }

    /// There is room again, or other reason to look whether there is.
    func roomHasGrown() { hasRoom.signal() }

    /// Waits until a claim that is made after the call has been delivered, or there is no room for one.
    func catchUp() async {
        await lookouts.wait {
            news.pushed()
            hasRoom.signal()
        }
    }

    /// Claims no more; whoever waits for messages stops.
    func stop() {
        progress.withLock { $0.isStopped = true }
        lookouts.end()
        turns.stop()
        leaveTurns()
        news.wake()
        hasRoom.signal()
    }

    /// Waits for messages and delivers them, for as long as there is room.
    ///
    /// - Throws: `CancellationError` when stopped or cancelled, or why there are no connections any more.
    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        while true {
            if progress.withLock({ $0.isStopped }) { throw CancellationError() }
            try Task.checkCancellation()
            let limit = mayClaim(room)
            if limit <= 0 {
                lookouts.release()
                try news.checkForLoss()
                try await hasRoom.wait()
                continue
            }
            if let nextTry = progress.withLock({ $0.nextTry }) {
                try await Task.sleep(until: nextTry, clock: .continuous)
            }
            try news.checkForLoss()
            do {
                let mustWait = progress.withLock { $0.areListsEmpty } && !news.isClaimDue
                try await mustWait ? awaitNews(room, deliver) : claim(limit, deliver)
            } catch let error as TransportError where error.code == .connectionLost {
                // There will be news of the next connection, or that there is none.
                progress.withLock { $0.areListsEmpty = true }
            } catch let error as TransportError where [.rejected, .refused, .unavailable].contains(error.code) {
                refuse(error.message)
            }
        }
    }

    /// How many messages to claim: no more than can be brought back if all of them are refused.
    private func mayClaim(_ room: () -> Int) -> Int {
        let room = progress.withLock { $0.isStopped } ? 0 : room()
        return room > 0 ? min(room, Self.largestClaim, ReturnQueue.capacity - returns.count) : 0
    }

    private func claim(_ limit: Int, _ deliver: @Sendable ([Delivery]) -> Void) async throws {
        // Before the claim: what is announced from here on, the claim may not have seen.
        news.clear()
        let turn = lookouts.begin()
        defer { lookouts.release(upTo: turn) }
        let claim = makeClaim(limit)
        let replies: [RESPValue]
        do {
            replies = try await LoadedScripts.send(claim.pipeline, on: link.commands)
        } catch {
            bringBack(claim)
            throw error
        }
        try take(claim, replies, deliver)
    }

    /// The answer to a claim is lost. What it has claimed, if it reached the server, is in nobody's hands, though it looks
    /// as if this consumer worked on it: it goes back to its queue when there is a connection again.
    private func bringBack(_ claim: Claim) {
        let numbers = claim.firstNumber..<claim.firstNumber + UInt64(claim.limit)
        // The last one first, so that the first one is next in the queue again.
        returns.add(numbers.reversed().map { ($0, "") }, .unheard)
    }

    /// Waits for pushes and claims after each, on the connections' threads without waking another one; as long as there
    /// is room and no claim leaves something behind.
    private func awaitNews(
        _ room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        let claim: RedisNews.Claim = { [self] completion in
            let limit = mayClaim(room)
            guard limit > 0 else {
                // What was announced stays there, for others.
                if turns.hasRole { leaveTurns() }
                progress.withLock { $0.areListsEmpty = false }
                return completion(.success(false))
            }
            let turn = lookouts.begin()
            let claim = makeClaim(limit)
            link.commands.submit(claim.pipeline) { [self] replies in
                defer { lookouts.release(upTo: turn) }
                held.expectAcknowledgements()
                if case .failure = replies { bringBack(claim) }
                completion(
                    Result {
                        try take(claim, try replies.get(), deliver)
                        return progress.withLock { $0.areListsEmpty } && link.isAnnouncing && mayClaim(room) > 0
                    })
            }
        }
        guard !link.isAnnouncing else { return try await news.wait(thenClaim: claim) }
        // For one claim; then the next delay begins.
        async let _: Void = news.push(after: progress.withLock { $0.asking.nextDelay() })
        try await news.wait(thenClaim: claim)
    }

    // MARK: Claiming

    private func makeClaim(_ limit: Int) -> Claim {
        let (firstNumber, firstQueue) = progress.withLock { progress in
            defer {
                progress.nextNumber += UInt64(limit)
                if isRoundRobin { progress.firstQueue = (progress.firstQueue + 1) % max(queues.count, 1) }
            }
            return (progress.nextNumber, progress.firstQueue)
        }
        return source.claim(
            upTo: limit, score: time(), firstNumber: firstNumber, firstQueue: firstQueue,
            isTakingTurns: link.isAnnouncing, isWatching: limit > 0 && turns.beginClaim())
    }

    /// A claim of no messages, to see whether one can be made.
    var trial: RedisPipeline {
        source.claim(
            upTo: 0, score: 0, firstNumber: 0, firstQueue: 0, isTakingTurns: false, isWatching: false
        ).pipeline
    }

    /// Has somebody else watch: this consumer takes no more for now.
    private func leaveTurns() {
        guard link.isAnnouncing else { return }
        let claim = makeClaim(0)
        link.commands.submit(claim.pipeline) { [turns] replies in
            // Others find out by themselves when this is not heard.
            guard case .success(let replies) = replies, let reply = replies.first.flatMap({ ClaimReply($0, limit: 0) })
            else { return }
            turns.left(reply)
        }
    }

    /// Hands over the messages of a claim's replies.
    private func take(_ claim: Claim, _ replies: [RESPValue], _ deliver: @Sendable ([Delivery]) -> Void) throws {
        if replies.contains(where: LoadedScripts.isForgotten) {
            // The other way to claim sends them again.
            return progress.withLock { $0.areListsEmpty = false }
        }
        if let refusal = replies.first?.refusal { return refuse(refusal) }
        guard let reply = replies.first.flatMap({ ClaimReply($0, limit: claim.limit) }) else {
            return doNotUnderstand(claim)
        }
        let found = reply.found
        let (hadRefusals, newMisfits) = progress.withLock { progress in
            let hadRefusals = progress.nextTry != nil
            if hadRefusals { progress.refusals.reset() }
            progress.nextTry = nil
            if !found.isEmpty { progress.asking.reset() }
            progress.areListsEmpty = reply.areListsEmpty
            // A claim that was filled before has not come to all of them.
            guard reply.areListsEmpty, !(reply.misfits.isEmpty && progress.misfits.isEmpty) else {
                return (hadRefusals, [String]())
            }
            defer { progress.misfits = Set(reply.misfits) }
            return (hadRefusals, reply.misfits.filter { !progress.misfits.contains($0) })
        }
        link.noteProgress()
        if hadRefusals { logger.info("Redis gives messages again") }
        if !newMisfits.isEmpty {
            logger.error(
                "the keys of queues are no lists: nothing is taken from there, the other lists are served",
                metadata: ["keys": "\(LogText(newMisfits.sorted().joined(separator: ", ")))"])
        }
        let action = turns.claimed(reply, watched: claim.isWatching ? replies.dropFirst() : nil)
        defer { turns.act(action) }
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(found.count / 2)
        var number = claim.firstNumber
        for index in stride(from: 0, to: found.count, by: 2) {
            guard let queue = found[index].integer.flatMap(claim.queue(ofList:)), let raw = found[index + 1].bytes
            else { return doNotUnderstand(claim) }
            deliveries.append(Delivery(envelope: raw, number: number, queue: queue))
            number += 1
        }
        held.add(deliveries.map { ($0.tag.value, $0.queue) })
        if !deliveries.isEmpty { deliver(deliveries) }
    }

    /// What comes after such an answer cannot be understood either.
    private func doNotUnderstand(_ claim: Claim) {
        bringBack(claim)
        refuse("it answers a claim with something else than messages")
        link.commands.abandon("it answered a claim with something else than messages")
    }

    /// Redis refuses to give messages, for now: it may be out of memory, or unable to write to its disk.
    private func refuse(_ reason: String) {
        let isFirst = progress.withLock { progress in
            defer {
                progress.nextTry = .now + progress.refusals.nextDelay()
                progress.areListsEmpty = false
            }
            return progress.nextTry == nil
        }
        if isFirst { logger.error("Redis refuses to give messages, trying again", metadata: ["error": "\(reason)"]) }
    }
}
