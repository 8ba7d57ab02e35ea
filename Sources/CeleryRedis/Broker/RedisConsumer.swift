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
    /// How long before its eta a parked message comes back.
    private static let parkingLead = 30.0
    /// Messages due sooner than this are not worth parking.
    private static let parkingHorizon = 60.0
    /// Unless memory is short; then these are.
    private static let shortestParking = 2.0

    let link: ConsumerLink
    let held: HeldMessages
    let restorer: Restorer
    let returns: ReturnQueue
    private let claimer: MessageClaimer
    private let keys: KombuKeys
    /// The queues to delete when the consumer is closed.
    private let ownQueues: [Queue]
    /// A server that has not answered anything for so long is not waited for when the consumer is closed.
    private let goodbyeTimeout: Duration
    private let logger: Logger

    static func open(
        _ address: RedisAddress,
        _ configuration: ConsumerConfiguration,
        options: RedisBroker.Options,
        logger: Logger
    ) async throws -> RedisConsumer {
        var configuration = configuration
        if options.queueOrder == .sorted { configuration.queues.sort { $0.name < $1.name } }
        for queue in configuration.queues {
            do throws(TransportError) {
                try KombuKeys().checkQueue(queue.name)
            } catch {
                throw TransportError(.invalidConfiguration, error.message)
            }
        }
        let news = RedisNews()
        // A message that is not renewed within the visibility timeout would be restored by its own holder.
        let lease = max(.milliseconds(100), min(options.lease, options.visibilityTimeout))
        let held = HeldMessages(keys: options.keys, id: RandomID.make(), lease: lease, logger: logger, time: now)
        let link = try await ConsumerLink.open(address, held: held, news: news, logger: logger)
        do {
            let consumer = RedisConsumer(
                link, try await LoadedScripts(on: link.commands), held, news, configuration, options,
                lease: lease, goodbyeTimeout: address.goodbyeTimeout, logger: logger)
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
        _ options: RedisBroker.Options,
        lease: Duration,
        goodbyeTimeout: Duration,
        logger: Logger
    ) {
        let hasRoom = WakeSignal()
        self.link = link
        self.held = held
        self.logger = logger
        keys = options.keys
        ownQueues = configuration.deletesQueues ? configuration.queues : []
        self.goodbyeTimeout = goodbyeTimeout
        returns = ReturnQueue(
            link: link, scripts: scripts, keys: keys, held: held, logger: logger, onProgress: { hasRoom.signal() })
        let queues = configuration.queues.map(\.name)
        claimer = MessageClaimer(
            link: link, news: news, hasRoom: hasRoom,
            source: ClaimSource(queues, keys: keys, consumer: held.id, script: scripts[.claim]), held: held,
            returns: returns, configuration, isRoundRobin: options.queueOrder == .roundRobin, logger: logger,
            time: Self.now)
        restorer = Restorer(
            link: link, scripts: scripts, keys: keys, id: held.id,
            options: Restorer.Options(visibilityTimeout: options.visibilityTimeout, lease: lease), logger: logger,
            time: Self.now)
    }

    private func start(_ queues: [Queue]) async throws {
        var beginning = RedisPipeline()
        for queue in queues { try keys.declare(queue, in: &beginning) }
        held.begin(in: &beginning)
        let replies = try await link.commands.send(beginning)
        for (position, reply) in replies.enumerated() {
            guard let refusal = reply.refusal else { continue }
            throw TransportError(refusal: refusal, ofNeeded: position == replies.count - 1 ? "HSET" : "SADD")
        }
        try await tryCommands()
        link.commands.thread.nudge()
        logMeaningless(queues)
        await ForeignSteps(queues.map(\.name), keys).warn(link.commands, logger)
        if await restorer.check() { restorer.expect(after: .zero) }
        // Ends when the consumer is closed.
        Task { [restorer] in await restorer.run() }
    }

    /// Names what queues are declared with that Redis has not.
    private func logMeaningless(_ queues: [Queue]) {
        for queue in queues where !queue.meaninglessOnRedis.isEmpty {
            let names = queue.meaninglessOnRedis.joined(separator: ", ")
            logger.notice(
                "a queue is declared with what means nothing to Redis",
                metadata: ["queue": "\(LogText.name(queue.name))", "arguments": "\(LogText(names))"])
        }
    }

    /// Fails when this user cannot take messages, or cannot settle them.
    private func tryCommands() async throws {
        var pipeline = claimer.trial
        pipeline.begin(.trial, keys: 1, arguments: NeededCommands.ofWorker.count)
        // A hash, with the sign of life that was just given.
        NeededCommands.ofWorker.add(key: keys.workers, to: &pipeline)
        let replies = try await LoadedScripts.send(pipeline, on: link.commands)
        guard let claim = replies.first, let trial = replies.last else { return }
        if let refusal = claim.refusal, RefusalKind(refusal) != "WRONGTYPE" {
            throw TransportError(refusal: refusal, ofNeeded: "EVALSHA")
        }
        try NeededCommands.ofWorker.check(trial, of: "EVAL")
    }

    /// In seconds since 1970.
    private static func now() -> Double { Date().timeIntervalSince1970 }

    func receive(
        room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
    ) async throws {
        try await claimer.receive(room: room, deliver)
    }

    func roomHasGrown() { claimer.roomHasGrown() }

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
                try await waiter.value(until: .now + goodbyeTimeout) { [returns] in
                    await returns.wait()
                    waiter.settle(.success(()))
                }
            } catch {
                return
            }
            if returns.done == done { return }
        }
    }

    func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool {
        let eta = eta.timeIntervalSince1970
        let remaining = eta - Self.now()
        let lead = min(Self.parkingLead, remaining / 2)
        guard remaining > (isUrgent ? Self.shortestParking : Self.parkingHorizon),
            held.park(tag.value, eta: eta, due: eta - lead)
        else { return false }
        link.commands.thread.nudge()
        restorer.expect(after: .seconds(min(remaining - lead, 1e9)))
        return true
    }

    func catchUp() async { await claimer.catchUp() }

    func adjustPrefetch(extra: Int) {
        // Claims are made for as many messages as are wanted: there is no count to adjust.
    }

    func stop() async {
        claimer.stop()
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
            return try await waiter.value(until: .now + goodbyeTimeout) { [held, keys, ownQueues] in
                try await connection.flush()
                var end = RedisPipeline()
                if !ownQueues.isEmpty {
                    let names = ownQueues.map(\.name)
                    keys.delete(ownQueues, in: &end)
                    end.append("DEL", keys.turn(names), keys.idle(names))
                }
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
            return try await waiter.value(until: .now + goodbyeTimeout) { [link] in
                waiter.settle(.success(await link.recovery()))
            } ?? false
        } catch {
            return false
        }
    }
}
