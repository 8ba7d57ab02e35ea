internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Consumes kombu's lists on Redis: claims atomically, waits without popping, renews its lease, restores what dead
/// workers held.
final class RedisConsumer: Consumer {
    /// More would not fit the stack of the server's Lua.
    private static let largestClaim = 500
    /// How long before its eta a parked message comes back.
    private static let parkingLead = 30.0
    /// Messages due sooner than this are not worth parking.
    private static let parkingHorizon = 60.0
    /// Unless memory is short; then these are.
    private static let shortestParking = 2.0

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
        /// Whether some key is no list, which is logged once.
        var hasMisfits = false
        /// How often to ask when pushes are not announced.
        var asking = RedisConsumer.asking
    }

    private static let asking = RetrySchedule(first: .milliseconds(5), maximum: .milliseconds(250))
    /// A server that has not answered anything for so long is not waited for when the consumer is closed.
    private static let goodbyeTimeout = Duration.seconds(3)

    let link: ConsumerLink
    let held: HeldMessages
    let restorer: Restorer
    private let keys: KombuKeys
    let returns: ReturnQueue
    private let logger: Logger
    private let queues: [String]
    private let source: ClaimSource
    private let isAutoAcknowledging: Bool
    private let news: RedisNews
    private let turns: TurnTaker
    private let hasRoom: WakeSignal
    private let progress = Locked(Progress())

    static func open(
        _ address: RedisAddress,
        _ configuration: ConsumerConfiguration,
        options: RedisBroker.Options,
        logger: Logger
    ) async throws -> RedisConsumer {
        for queue in configuration.queues {
            do throws(TransportError) {
                try KombuKeys().checkQueue(queue.name)
            } catch {
                throw TransportError(.invalidConfiguration, error.message)
            }
        }
        let news = RedisNews()
        // A message that is not renewed within the visibility timeout would be restored by its own holder.
        let lease = max(0.1, min(options.lease, options.visibilityTimeout))
        let held = HeldMessages(keys: options.keys, id: RandomID.make(), lease: lease, logger: logger, time: now)
        let link = try await ConsumerLink.open(address, held: held, news: news, logger: logger)
        do {
            let consumer = RedisConsumer(
                link, try await LoadedScripts(on: link.commands), held, news, configuration, options.keys,
                Restorer.Options(visibilityTimeout: options.visibilityTimeout, lease: lease), logger: logger)
            try await consumer.start(configuration.queues)
            return consumer
        } catch {
            await link.close(atOnce: true)
            throw error
        }
    }

    private init(
        _ link: ConsumerLink,
        _ scripts: LoadedScripts,
        _ held: HeldMessages,
        _ news: RedisNews,
        _ configuration: ConsumerConfiguration,
        _ keys: KombuKeys,
        _ options: Restorer.Options,
        logger: Logger
    ) {
        let hasRoom = WakeSignal()
        self.link = link
        self.held = held
        self.news = news
        self.logger = logger
        self.keys = keys
        self.hasRoom = hasRoom
        queues = configuration.queues.map(\.name)
        source = ClaimSource(queues, keys: keys, consumer: held.id, script: scripts[.claim])
        turns = TurnTaker(link: link, news: news, watching: source.watching, logger: logger)
        isAutoAcknowledging = configuration.isAutoAcknowledging
        returns = ReturnQueue(
            link: link, scripts: scripts, keys: keys, held: held, logger: logger, onProgress: { hasRoom.signal() })
        restorer = Restorer(
            link: link, scripts: scripts, keys: keys, id: held.id, options: options, logger: logger, time: Self.now)
    }

    private func start(_ queues: [Queue]) async throws {
        var beginning = RedisPipeline()
        for queue in queues { try keys.declare(queue, in: &beginning) }
        held.begin(in: &beginning)
        _ = try await link.commands.call(beginning)
        link.commands.thread.nudge()
        guard !isAutoAcknowledging else { return }
        await ForeignSteps(queues.map(\.name), keys).warn(link.commands, logger)
        if await restorer.check() { restorer.expect(after: .zero) }
        // Ends when the consumer is closed.
        Task { [restorer] in await restorer.run() }
    }

    /// In seconds since 1970.
    private static func now() -> Double { Date().timeIntervalSince1970 }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        while true {
            if progress.withLock({ $0.isStopped }) { throw CancellationError() }
            try Task.checkCancellation()
            let limit = mayClaim(room)
            if limit <= 0 {
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
            } catch let error as TransportError where error.code == .rejected || error.code == .unavailable {
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
            let claim = makeClaim(limit)
            link.commands.submit(claim.pipeline) { [self] replies in
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
                progress.firstQueue = (progress.firstQueue + 1) % max(queues.count, 1)
            }
            return (progress.nextNumber, progress.firstQueue)
        }
        return source.claim(
            upTo: limit, score: Self.now(), firstNumber: firstNumber, firstQueue: firstQueue,
            isTakingTurns: link.isAnnouncing, isWatching: limit > 0 && turns.beginClaim())
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
        let (hadRefusals, hadMisfits) = progress.withLock { progress in
            defer {
                if progress.nextTry != nil { progress.refusals.reset() }
                progress.nextTry = nil
                progress.hasMisfits = reply.misfits > 0
                if !found.isEmpty { progress.asking.reset() }
            }
            progress.areListsEmpty = reply.areListsEmpty
            return (progress.nextTry != nil, progress.hasMisfits)
        }
        link.noteProgress()
        if hadRefusals { logger.info("Redis gives messages again") }
        if reply.misfits > 0, !hadMisfits {
            logger.error(
                "the key of a queue is no list",
                metadata: ["error": "\(reply.misfitReason)", "queues": "\(queues)"])
        }
        let action = turns.claimed(reply, watched: claim.isWatching ? replies.dropFirst() : nil)
        defer { turns.act(action) }
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(found.count / 2)
        var number = claim.firstNumber
        for index in stride(from: 0, to: found.count, by: 2) {
            guard let queue = found[index].integer.flatMap(claim.queue(ofList:)), let raw = found[index + 1].bytes
            else { return doNotUnderstand(claim) }
            deliveries.append(Self.delivery(raw, number: number, queue: queue))
            number += 1
        }
        held.add(deliveries.map { ($0.tag.value, $0.queue) })
        if isAutoAcknowledging {
            for delivery in deliveries { settle(delivery.tag, .acknowledge) }
        }
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

    private static func delivery(_ raw: [UInt8], number: UInt64, queue: String) -> Delivery {
        LargeBodies.used(size: raw.count)
        let message = Result { () throws(MessageError) in
            var message = try KombuEnvelope.decode(raw)
            if message.properties.routingKey == nil { message.properties.routingKey = queue }
            return message
        }
        return Delivery(tag: DeliveryTag(number), queue: queue, message: message, raw: raw)
    }

    func roomHasGrown() { hasRoom.signal() }

    func holds(_ tag: DeliveryTag) -> Bool { held.holding(tag.value) != .gone }

    func mayStart(_ tag: DeliveryTag) -> Bool {
        switch held.holding(tag.value) {
        case .held: return true
        case .gone: return false
        case .doubtful:
            // It goes back if it is still here: so it starts once, wherever that is.
            settle(tag, .giveBack)
            return false
        }
    }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        let kind: ReturnQueue.Kind
        switch settlement {
        case .acknowledge, .discard:
            if held.acknowledge(tag.value) { link.commands.thread.nudge() }
            return
        case .requeue: kind = .last
        case .giveBack: kind = .next
        case .deadLetter: kind = .deadLetter
        }
        guard let queue = held.beginReturn(tag.value) else { return }
        returns.add([(tag.value, queue)], kind)
    }

    func flush() async {
        await waitForReturns()
        do {
            try await link.commands.flush()
        } catch {
            logger.debug("the connection was lost before all was said", metadata: ["error": "\(error)"])
        }
    }

    /// Waits for what is on its way back, as long as it gets on.
    private func waitForReturns() async {
        while returns.count > 0 {
            let done = returns.done
            let waiter = Waiter<Void?>()
            do {
                try await waiter.value(until: .now + Self.goodbyeTimeout) { [returns] in
                    await returns.wait()
                    waiter.settle(.success(()))
                }
            } catch {
                return
            }
            if returns.done == done { return }
        }
    }

    func park(_ tag: DeliveryTag, until date: Double, isUrgent: Bool) -> Bool {
        let remaining = date - Self.now()
        let lead = min(Self.parkingLead, remaining / 2)
        guard remaining > (isUrgent ? Self.shortestParking : Self.parkingHorizon),
            held.park(tag.value, eta: date, due: date - lead)
        else { return false }
        link.commands.thread.nudge()
        restorer.expect(after: .seconds(min(remaining - lead, 1e9)))
        return true
    }

    func adjustPrefetch(extra: Int) {
        // Claims are made for as many messages as are wanted: there is no count to adjust.
    }

    func stop() async {
        progress.withLock { $0.isStopped = true }
        turns.stop()
        leaveTurns()
        news.wake()
        hasRoom.signal()
    }

    func close() async {
        await stop()
        restorer.close()
        let isLinked = await isLinkedInTime()
        // When there is no connection others get what is held, after the lease; it may still be running here.
        if isLinked {
            returns.add(held.beginReturnOfAll(), .next)
            await waitForReturns()
        }
        returns.close()
        held.close()
        let isHeard = isLinked ? await sayGoodbye() : false
        await link.close(atOnce: !isHeard)
        held.logUnsaid()
    }

    /// Says what is still to be said, and that this is the end; whether the server has answered in time.
    private func sayGoodbye() async -> Bool {
        let connection = link.commands
        let waiter = Waiter<Void?>()
        do {
            return try await waiter.value(until: .now + Self.goodbyeTimeout) { [held] in
                try await connection.flush()
                var end = RedisPipeline()
                held.end(in: &end)
                _ = try await connection.send(end)
                waiter.settle(.success(()))
            } != nil
        } catch {
            logger.debug("the connection was lost while it was being closed", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Whether there is a connection, now or soon.
    private func isLinkedInTime() async -> Bool {
        let waiter = Waiter<Bool?>()
        do {
            return try await waiter.value(until: .now + Self.goodbyeTimeout) { [link] in
                waiter.settle(.success(await link.recovery()))
            } ?? false
        } catch {
            return false
        }
    }
}
