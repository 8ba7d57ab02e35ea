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
        var nextNumber: UInt64 = 1
        var firstQueue = 0
        /// Whether the last claim left nothing behind. The server then announces the next push.
        var areListsEmpty = false
        var isStopped = false
        /// The last of the settlements that take more than one round trip; each waits for the one before.
        var unfinished: Task<Void, Never>?
    }

    let connection: RedisConnection
    let scripts: LoadedScripts
    let keys = KombuKeys()
    let visibilityTimeout: Double
    let held: HeldMessages
    let logger: Logger
    private let subscriber: RedisConnection
    private let queues: [String]
    private let isAutoAcknowledging: Bool
    private let lease: Double
    private let news: RedisNews
    private let progress = Locked(Progress())

    static func open(
        _ address: RedisAddress,
        _ configuration: ConsumerConfiguration,
        options: RedisBroker.Options,
        logger: Logger
    ) async throws -> RedisConsumer {
        let news = RedisNews()
        let connection = try await RedisConnection.open(
            address, name: "celery-consume", logger: logger, onLoss: { news.lost($0) })
        let scripts = try await LoadedScripts(on: connection)
        let subscriber = try await RedisConnection.open(
            address,
            name: "celery-news",
            logger: logger,
            onPush: { message in
                if message.array?.first?.text == "message" { news.pushed() }
            },
            onLoss: { news.lost($0) }
        )
        let consumer = RedisConsumer(
            connection, subscriber, scripts, configuration, options: options, news: news, logger: logger)
        try await consumer.start(configuration.queues)
        return consumer
    }

    private init(
        _ connection: RedisConnection,
        _ subscriber: RedisConnection,
        _ scripts: LoadedScripts,
        _ configuration: ConsumerConfiguration,
        options: RedisBroker.Options,
        news: RedisNews,
        logger: Logger
    ) {
        self.connection = connection
        self.subscriber = subscriber
        self.scripts = scripts
        self.news = news
        self.logger = logger
        queues = configuration.queues.map(\.name)
        isAutoAcknowledging = configuration.isAutoAcknowledging
        let visibilityTimeout = options.visibilityTimeout
        let lease = max(0.1, min(options.lease, visibilityTimeout))
        self.visibilityTimeout = visibilityTimeout
        self.lease = lease
        held = HeldMessages(
            keys: keys,
            tagPrefix: RandomID.make() + ":",
            renewalInterval: .seconds(lease / 3),
            checkInterval: .seconds(min(10, max(visibilityTimeout / 2, 0.5))),
            leaseScore: { Date().timeIntervalSince1970 - visibilityTimeout + lease },
            onCheckDue: { news.checkIsDue() }
        )
    }

    private func start(_ queues: [Queue]) async throws {
        var bindings = RedisPipeline()
        for queue in queues { keys.declare(queue, in: &bindings) }
        if bindings.count > 0 { _ = try await connection.send(bindings) }
        connection.attach(held)
        try await startTracking()
        if !isAutoAcknowledging { held.startChecking() }
        connection.thread.nudge()
    }

    /// Has the server announce pushes to the lists that a claim found empty. The announcements come to the
    /// subscriber's connection, because a connection of protocol 2 cannot get them between replies.
    private func startTracking() async throws {
        let reply = try await subscriber.call(RedisPipeline("CLIENT", "ID"))
        try subscriber.subscribe(RedisPipeline("SUBSCRIBE", "__redis__:invalidate"))
        guard let id = reply.integer else { throw TransportError(.rejected, "Redis gives no client id") }
        _ = try await connection.call(RedisPipeline("CLIENT", "TRACKING", "ON", "REDIRECT", String(id)))
    }

    func receive(upTo limit: Int) async throws -> [Delivery] {
        let limit = min(limit, Self.largestClaim)
        while true {
            if progress.withLock({ $0.isStopped }) { throw CancellationError() }
            try Task.checkCancellation()
            if try news.takeCheck() { try await restoreOverdue() }
            let answer =
                if progress.withLock({ $0.areListsEmpty }) {
                    try await news.wait(thenSend: { completion in
                        // On the thread that brings the news, without a detour over another one.
                        let claim = self.makeClaim(limit)
                        self.connection.submit(claim.pipeline) { completion($0.map { (claim, $0) }) }
                    })
                } else {
                    try await self.claim(limit)
                }
            guard let (claim, replies) = answer, !replies.contains(where: LoadedScripts.isForgotten) else {
                progress.withLock { $0.areListsEmpty = false }
                continue
            }
            let deliveries = try take(claim, replies)
            if !deliveries.isEmpty { return deliveries }
        }
    }

    private func claim(_ limit: Int) async throws -> RedisNews.Answer {
        // Before the claim: what is announced from here on, the claim may not have seen.
        news.clear()
        let claim = makeClaim(limit)
        return (claim, try await LoadedScripts.send(claim.pipeline, on: connection))
    }

    /// A claim that is on its way.
    struct Claim: Sendable {
        let pipeline: RedisPipeline
        let firstNumber: UInt64
        /// The queue of each list, in the order of the claim.
        let queues: [String]
    }

    private func makeClaim(_ limit: Int) -> Claim {
        let (firstNumber, rotation) = progress.withLock { progress in
            defer {
                progress.nextNumber += UInt64(limit)
                progress.firstQueue = (progress.firstQueue + 1) % max(queues.count, 1)
            }
            return (progress.nextNumber, progress.firstQueue)
        }
        let lists = keys.lists(of: Array(queues[rotation...] + queues[..<rotation]))
        var pipeline = RedisPipeline()
        scripts.begin(.claim, keys: 2 + lists.count, arguments: 4 + lists.count, in: &pipeline)
        pipeline.add(keys.unacked)
        pipeline.add(keys.unackedIndex)
        for list in lists { pipeline.add(list.key) }
        pipeline.add(String(limit))
        pipeline.add(String(Date().timeIntervalSince1970 - visibilityTimeout + lease))
        pipeline.add(held.tag(0).dropLast())
        pipeline.add(String(firstNumber))
        for list in lists { pipeline.add(Self.entryEnd(list.queue)) }
        // What is left. And being read, the lists are tracked: the server announces the next push. Not read by the
        // script, because all of a script's keys would be tracked then.
        pipeline.begin(1 + lists.count)
        pipeline.add("EXISTS")
        for list in lists { pipeline.add(list.key) }
        return Claim(pipeline: pipeline, firstNumber: firstNumber, queues: lists.map(\.queue))
    }

    /// The deliveries of a claim's replies.
    private func take(_ claim: Claim, _ replies: [RESPValue]) throws -> [Delivery] {
        let found = try replies.prefix(1).value().array ?? []
        let isEmpty = replies.last?.integer == 0
        progress.withLock { $0.areListsEmpty = isEmpty }
        // An error of what follows the claim must not hide what was claimed.
        if found.isEmpty { _ = try replies.value() }
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(found.count / 2)
        var number = claim.firstNumber
        for index in stride(from: 0, to: found.count - 1, by: 2) {
            guard let position = found[index].integer, claim.queues.indices.contains(position),
                let raw = found[index + 1].bytes
            else { throw TransportError(.rejected, "Redis answered the claim with something else") }
            deliveries.append(Self.delivery(raw, number: number, queue: claim.queues[position]))
            number += 1
        }
        held.add(deliveries.map { ($0.tag.value, $0.queue) })
        if isAutoAcknowledging {
            for delivery in deliveries { settle(delivery.tag, .acknowledge) }
        }
        return deliveries
    }

    /// What closes the entry of `unacked`: a message is restored to the queue it came from, through the default
    /// exchange, wherever it was first published to.
    static func entryEnd(_ queue: String) -> [UInt8] {
        Array(#", "", "#.utf8) + JSONValue.string(queue).serialized() + [UInt8(ascii: "]")]
    }

    private static func delivery(_ raw: [UInt8], number: UInt64, queue: String) -> Delivery {
        let message = Result { () throws(MessageError) in
            var message = try KombuEnvelope.decode(raw)
            if message.properties.routingKey == nil { message.properties.routingKey = queue }
            return message
        }
        return Delivery(tag: DeliveryTag(number), queue: queue, message: message, raw: raw)
    }

    func settle(_ tag: DeliveryTag, _ settlement: Settlement) {
        switch settlement {
        case .acknowledge, .discard:
            if held.acknowledge(tag.value) { connection.thread.nudge() }
        case .requeue:
            guard let queue = held.remove(tag.value) else { return }
            finish { await $0.requeue(tag.value, queue: queue) }
        case .giveBack:
            guard let queue = held.remove(tag.value) else { return }
            finish { await $0.restore(tag.value, queue: queue) }
        case .deadLetter:
            guard let queue = held.remove(tag.value) else { return }
            finish { await $0.bury(tag.value, queue: queue) }
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
        connection.thread.nudge()
        return true
    }

    func adjustPrefetch(extra: Int) {
        // Claims are made for as many messages as are wanted: there is no count to adjust.
    }

    func stop() async {
        progress.withLock { $0.isStopped = true }
        news.wake()
    }

    func close() async {
        await stop()
        // The last one first, so that the first one is next in the queue again.
        for (number, queue) in held.removeAll().sorted(by: { $0.key > $1.key }) {
            finish { await $0.restore(number, queue: queue) }
        }
        await progress.withLock { $0.unfinished }?.value
        held.close()
        await connection.close()
        await subscriber.close()
    }
}
