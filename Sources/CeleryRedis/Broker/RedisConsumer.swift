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
        /// Whether the last claim left nothing behind. The server then announces the next push.
        var areListsEmpty = false
        var isStopped = false
        /// How long to wait before the next claim after Redis has refused one, and until when.
        var refusals = Backoff(maximum: .seconds(5))
        var nextTry: ContinuousClock.Instant?
        /// Whether some key is no list, which is logged once.
        var hasMisfits = false
        /// How often to ask when pushes are not announced.
        var asking = RedisConsumer.asking
        /// The last of the settlements that take more than one round trip; each waits for the one before.
        var unfinished: Task<Void, Never>?
    }

    private static let asking = Backoff(first: .milliseconds(5), maximum: .milliseconds(250))
    /// So long is waited for a lost connection when the consumer is closed.
    private static let goodbyeTimeout = Duration.seconds(3)

    let link: ConsumerLink
    let scripts: LoadedScripts
    let keys: KombuKeys
    let visibilityTimeout: Double
    let held: HeldMessages
    let logger: Logger
    /// Whether messages left behind were found that cannot be put back, which is logged once.
    let hasUnrestorable = Locked(false)
    private let queues: [String]
    private let source: ClaimSource
    private let isAutoAcknowledging: Bool
    private let lease: Double
    let news: RedisNews
    private let hasRoom = WakeSignal()
    private let progress = Locked(Progress())

    static func open(
        _ address: RedisAddress,
        _ configuration: ConsumerConfiguration,
        options: RedisBroker.Options,
        logger: Logger
    ) async throws -> RedisConsumer {
        let news = RedisNews()
        let visibilityTimeout = options.visibilityTimeout
        let lease = max(0.1, min(options.lease, visibilityTimeout))
        let held = HeldMessages(
            keys: options.keys,
            tagPrefix: RandomID.make() + ":",
            renewalInterval: .seconds(lease / 3),
            checkInterval: .seconds(min(10, max(visibilityTimeout / 2, 0.5))),
            logger: logger,
            leaseScore: { Date().timeIntervalSince1970 - visibilityTimeout + lease },
            onCheckDue: { news.checkIsDue() }
        )
        // A third of the lease may be over when a connection is lost, and another when that is noticed.
        let link = try await ConsumerLink.open(
            address, held: held, news: news, patience: .seconds(lease / 3), logger: logger)
        let scripts = try await LoadedScripts(on: link.commands)
        let consumer = RedisConsumer(
            link, scripts, held, news, configuration, keys: options.keys, visibilityTimeout: visibilityTimeout,
            lease: lease, logger: logger)
        try await consumer.start(configuration.queues)
        return consumer
    }

    private init(
        _ link: ConsumerLink,
        _ scripts: LoadedScripts,
        _ held: HeldMessages,
        _ news: RedisNews,
        _ configuration: ConsumerConfiguration,
        keys: KombuKeys,
        visibilityTimeout: Double,
        lease: Double,
        logger: Logger
    ) {
        self.link = link
        self.scripts = scripts
        self.held = held
        self.news = news
        self.logger = logger
        self.keys = keys
        self.visibilityTimeout = visibilityTimeout
        self.lease = lease
        queues = configuration.queues.map(\.name)
        source = ClaimSource(queues, keys: keys, tagPrefix: held.tagPrefix, script: scripts.claim)
        isAutoAcknowledging = configuration.isAutoAcknowledging
    }

    private func start(_ queues: [Queue]) async throws {
        var bindings = RedisPipeline()
        for queue in queues { try keys.declare(queue, in: &bindings) }
        _ = try await link.commands.call(bindings)
        if !isAutoAcknowledging {
            await ForeignSteps(queues.map(\.name), keys).warn(link.commands, logger)
            held.startChecking()
        }
        link.commands.thread.nudge()
    }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        while true {
            if progress.withLock({ $0.isStopped }) { throw CancellationError() }
            try Task.checkCancellation()
            let limit = room()
            if limit <= 0 {
                _ = try news.takeCheck()
                try await hasRoom.wait()
                continue
            }
            if let nextTry = progress.withLock({ $0.nextTry }) {
                try await Task.sleep(until: nextTry, clock: .continuous)
            }
            let isCheckDue = try news.takeCheck()
            do {
                if isCheckDue { try await restoreOverdue() }
                let mustWait = progress.withLock { $0.areListsEmpty } && !news.isClaimDue
                try await mustWait ? awaitNews(room, deliver) : claim(limit, deliver)
            } catch let error as TransportError where error.code == .connectionLost {
                // There will be news of the next connection, or that there is none.
                progress.withLock { $0.areListsEmpty = true }
            } catch let error as TransportError where error.code == .rejected {
                refuse(error.message)
            }
        }
    }

    private func claim(_ limit: Int, _ deliver: @Sendable ([Delivery]) -> Void) async throws {
        // Before the claim: what is announced from here on, the claim may not have seen.
        news.clear()
        let claim = makeClaim(limit)
        try take(claim, try await LoadedScripts.send(claim.pipeline, on: link.commands), deliver)
    }

    /// Waits for pushes and claims after each, on the connections' threads without waking another one; as long as there
    /// is room and no claim leaves something behind.
    private func awaitNews(
        _ room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        let claim: RedisNews.Claim = { [self] completion in
            let limit = room()
            guard limit > 0 else {
                // What was announced stays there.
                progress.withLock { $0.areListsEmpty = false }
                return completion(.success(false))
            }
            let claim = makeClaim(limit)
            link.commands.submit(claim.pipeline) { [self] replies in
                held.expectAcknowledgements()
                completion(
                    Result {
                        try take(claim, try replies.get(), deliver)
                        return progress.withLock { $0.areListsEmpty } && link.isAnnouncing && room() > 0
                    })
            }
        }
        guard !link.isAnnouncing else { return try await news.wait(thenClaim: claim) }
        // For one claim; then the next delay begins.
        async let _: Void = news.push(after: progress.withLock { $0.asking.delay() })
        try await news.wait(thenClaim: claim)
    }

    private func makeClaim(_ room: Int) -> Claim {
        let limit = min(room, Self.largestClaim)
        let (firstNumber, firstQueue) = progress.withLock { progress in
            defer {
                progress.nextNumber += UInt64(limit)
                progress.firstQueue = (progress.firstQueue + 1) % max(queues.count, 1)
            }
            return (progress.nextNumber, progress.firstQueue)
        }
        return source.claim(
            upTo: limit, score: Date().timeIntervalSince1970 - visibilityTimeout + lease,
            firstNumber: firstNumber, firstQueue: firstQueue)
    }

    /// Hands over the messages of a claim's replies.
    private func take(_ claim: Claim, _ replies: [RESPValue], _ deliver: @Sendable ([Delivery]) -> Void) throws {
        if replies.contains(where: LoadedScripts.isForgotten) {
            // The other way to claim sends them again.
            return progress.withLock { $0.areListsEmpty = false }
        }
        let found = replies.first?.array ?? []
        if let refusal = replies.first?.refusal ?? (found.isEmpty ? replies.last?.refusal : nil) {
            return refuse(refusal)
        }
        let misfits = found.count % 2 == 1 ? found.last?.array ?? [] : []
        let left = replies.last?.integer.map { $0 - (misfits.first?.integer ?? 0) }
        let (hadRefusals, hadMisfits) = progress.withLock { progress in
            defer {
                if progress.nextTry != nil { progress.refusals.reset() }
                progress.nextTry = nil
                progress.hasMisfits = !misfits.isEmpty
                if found.count > 1 { progress.asking.reset() }
                progress.areListsEmpty = left == 0
            }
            return (progress.nextTry != nil, progress.hasMisfits)
        }
        if hadRefusals { logger.info("Redis gives messages again") }
        if !misfits.isEmpty, !hadMisfits {
            logger.error(
                "the key of a queue is no list",
                metadata: ["error": "\(misfits.last?.text ?? "")", "queues": "\(queues)"])
        }
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(found.count / 2)
        var number = claim.firstNumber
        for index in stride(from: 0, to: found.count - 1, by: 2) {
            guard let queue = found[index].integer.flatMap(claim.queue(ofList:)), let raw = found[index + 1].bytes
            else {
                let error = TransportError(.rejected, "Redis answered the claim with something else")
                link.giveUp(error)
                throw error
            }
            deliveries.append(Self.delivery(raw, number: number, queue: queue))
            number += 1
        }
        held.add(deliveries.map { ($0.tag.value, $0.queue) })
        if isAutoAcknowledging {
            for delivery in deliveries { settle(delivery.tag, .acknowledge) }
        }
        if !deliveries.isEmpty { deliver(deliveries) }
    }

    /// Redis refuses to give messages, for now: it may be out of memory, or unable to write to its disk.
    private func refuse(_ reason: String) {
        let isFirst = progress.withLock { progress in
            defer {
                progress.nextTry = .now + progress.refusals.delay()
                progress.areListsEmpty = false
            }
            return progress.nextTry == nil
        }
        if isFirst { logger.error("Redis refuses to give messages, trying again", metadata: ["error": "\(reason)"]) }
    }

    private static func delivery(_ raw: [UInt8], number: UInt64, queue: String) -> Delivery {
        let message = Result { () throws(MessageError) in
            var message = try KombuEnvelope.decode(raw)
            if message.properties.routingKey == nil { message.properties.routingKey = queue }
            return message
        }
        return Delivery(tag: DeliveryTag(number), queue: queue, message: message, raw: raw)
    }

    func roomHasGrown() { hasRoom.signal() }

    func holds(_ tag: DeliveryTag) -> Bool { held.holds(tag.value) }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge, .discard:
            if held.acknowledge(tag.value) { link.commands.thread.nudge() }
        case .requeue:
            guard let queue = held.remove(tag.value) else { return }
            finish { await $0.giveBack([(tag.value, queue)], .last) }
        case .giveBack:
            guard let queue = held.remove(tag.value) else { return }
            finish { await $0.giveBack([(tag.value, queue)], .next) }
        case .deadLetter:
            guard let queue = held.remove(tag.value) else { return }
            finish { await $0.bury([(tag.value, queue)]) }
        }
    }

    func flush() async {
        await progress.withLock { $0.unfinished }?.value
        do {
            try await link.commands.flush()
        } catch {
            logger.debug("the connection was lost before all was said", metadata: ["error": "\(error)"])
        }
    }

    /// Runs what takes several round trips, one after the other; ``close()`` waits for the last.
    private func finish(_ work: @escaping @Sendable (RedisConsumer) async -> Void) {
        progress.withLock { progress in
            progress.unfinished = Task { [previous = progress.unfinished] in
                await previous?.value
                await work(self)
            }
        }
    }

    func park(_ tag: DeliveryTag, until date: Double, isUrgent: Bool) -> Bool {
        let remaining = date - Date().timeIntervalSince1970
        let lead = min(Self.parkingLead, remaining / 2)
        guard remaining > (isUrgent ? Self.shortestParking : Self.parkingHorizon) else { return false }
        // Whoever looks for messages left behind, Python's workers too, restores it at that time.
        guard held.park(tag.value, score: date - lead - visibilityTimeout, for: .seconds(remaining - lead)) else {
            return false
        }
        link.commands.thread.nudge()
        return true
    }

    func adjustPrefetch(extra: Int) {
        // Claims are made for as many messages as are wanted: there is no count to adjust.
    }

    func stop() async {
        progress.withLock { $0.isStopped = true }
        news.wake()
        hasRoom.signal()
    }

    func close() async {
        await stop()
        // When the connections are lost for good others get what is held; it may still be running here.
        if await isLinkedInTime() {
            // The last one first, so that the first one is next in the queue again.
            let rest = held.removeAll().sorted { $0.key > $1.key }.map { (number: $0.key, queue: $0.value) }
            finish { await $0.giveBack(rest, .next) }
        }
        await progress.withLock { $0.unfinished }?.value
        held.close()
        await link.close()
        held.logUnsaid()
    }

    /// Whether there is a connection, now or soon.
    private func isLinkedInTime() async -> Bool {
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [link] in
                try await Task.sleep(for: Self.goodbyeTimeout)
                link.giveUp(TransportError(.connectionLost, "the connection was lost while it was being closed"))
            }
            defer { group.cancelAll() }
            return await link.recovery()
        }
    }
}
