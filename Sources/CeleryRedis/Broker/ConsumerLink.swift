internal import CeleryIO
internal import CeleryTransport
internal import Logging

/// The connections of a consumer: one for commands, one for the news of pushes.
///
/// What a consumer holds in Redis is not bound to them. A connection that is lost is made anew behind the scenes while
/// tasks run; only a loss that lasts is one for the consumer, because then others get what it held.
final class ConsumerLink: Sendable {
    private struct State {
        var commands: RedisConnection
        var subscriber: RedisConnection?
        var subscriberID = 0
        /// Whether the server announces pushes; else it has to be asked.
        var isAnnouncing = false
        /// Whether it has refused to, so that it is not asked again.
        var isAnnouncingRefused = false
        /// Why there are no connections any more.
        var failure: TransportError?
        var waiting: [CheckedContinuation<Bool, Never>] = []
    }

    /// A connection that lasts so long has nothing to do with the loss of the one before.
    private static let soundTime = Duration.seconds(5)

    private let address: RedisAddress
    private let held: HeldMessages
    private let news: RedisNews
    private let logger: Logger
    /// For how long a lost connection is tried to be made anew.
    private let patience: Duration
    private let state: Locked<State>
    private let losses: AsyncStream<TransportError>.Continuation

    /// Opens the connections. `held` is looked after on the one for commands from now on.
    static func open(
        _ address: RedisAddress, held: HeldMessages, news: RedisNews, patience: Duration, logger: Logger
    ) async throws -> ConsumerLink {
        let (stream, losses) = AsyncStream<TransportError>.makeStream()
        let commands = try await openCommands(address, losses, logger)
        let link = ConsumerLink(address, commands, losses, held: held, news: news, patience: patience, logger: logger)
        try await link.openNews()
        commands.attach(held)
        // Belongs to the link, whose end ends the stream.
        Task { [weak link] in
            var outage = Outage()
            for await loss in stream { await link?.repair(after: loss, &outage) }
        }
        return link
    }

    private init(
        _ address: RedisAddress, _ commands: RedisConnection, _ losses: AsyncStream<TransportError>.Continuation,
        held: HeldMessages, news: RedisNews, patience: Duration, logger: Logger
    ) {
        self.address = address
        self.losses = losses
        self.held = held
        self.news = news
        self.patience = patience
        self.logger = logger
        state = Locked(State(commands: commands))
    }

    deinit { losses.finish() }

    /// The connection for commands: the present one, even if it is lost.
    var commands: RedisConnection { state.withLock { $0.commands } }

    /// Whether pushes are announced to ``RedisNews``.
    var isAnnouncing: Bool { state.withLock { $0.isAnnouncing } }

    /// Waits, if the connection is lost, until there is one again; whether there is.
    func recovery() async -> Bool {
        await withCheckedContinuation { continuation in
            let answer = state.withLock { state -> Bool? in
                if state.failure != nil { return false }
                if state.commands.isOpen { return true }
                state.waiting.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    /// Gives up what is lost.
    func giveUp(_ error: TransportError) {
        let (waiting, isFirst) = state.withLock { state in
            defer {
                state.failure = state.failure ?? error
                state.waiting = []
            }
            return (state.waiting, state.failure == nil)
        }
        losses.finish()
        for continuation in waiting { continuation.resume(returning: false) }
        if isFirst { news.lost(error) }
    }

    /// Closes both connections once everything sent so far is answered.
    func close() async {
        giveUp(TransportError(.closed, "the connection was closed"))
        let (commands, subscriber) = state.withLock { ($0.commands, $0.subscriber) }
        await commands.close()
        await subscriber?.close()
    }

    // MARK: Connections

    private static func openCommands(
        _ address: RedisAddress, _ losses: AsyncStream<TransportError>.Continuation, _ logger: Logger
    ) async throws -> RedisConnection {
        try await RedisConnection.open(address, name: "celery-consume", logger: logger, onLoss: note(in: losses))
    }

    /// What one's own side closes is no loss.
    private static func note(
        in losses: AsyncStream<TransportError>.Continuation
    ) -> @Sendable (TransportError) -> Void {
        { error in if error.code != .closed { losses.yield(error) } }
    }

    /// Has the server announce pushes to the lists that a claim found empty. The announcements come to a subscriber's
    /// connection, because a connection of protocol 2 cannot get them between replies.
    private func openNews() async throws {
        let (commands, old, isRefused) = state.withLock { ($0.commands, $0.subscriber, $0.isAnnouncingRefused) }
        guard !isRefused else { return }
        var subscriber = old
        if subscriber?.isOpen != true {
            subscriber = try await RedisConnection.open(
                address, name: "celery-news", logger: logger,
                onMessages: { [weak self, news] messages in
                    for case .error(let reason) in messages { self?.refuseNews(reason) }
                    if messages.contains(where: { $0.array?.first?.text == "message" }) { news.pushed() }
                },
                onLoss: Self.note(in: losses))
            let reply = try await subscriber?.send(RedisPipeline("CLIENT", "ID")).first
            guard let id = reply?.integer else { return refuseNews(reply?.refusal ?? "no client id") }
            try subscriber?.subscribe { RedisPipeline("SUBSCRIBE", "__redis__:invalidate") }
            let isClosed = state.withLock { state in
                if state.failure == nil { (state.subscriber, state.subscriberID) = (subscriber, id) }
                return state.failure != nil
            }
            if isClosed { return await subscriber?.close() ?? () }
        }
        let id = state.withLock { $0.subscriberID }
        let reply = try await commands.send(RedisPipeline("CLIENT", "TRACKING", "ON", "REDIRECT", String(id))).first
        if let refusal = reply?.refusal { return refuseNews(refusal) }
        state.withLock { $0.isAnnouncing = !$0.isAnnouncingRefused }
    }

    /// The server does not announce pushes, or not to this user.
    private func refuseNews(_ reason: String) {
        // The connection that was for them goes away with its last reference, outside of the lock.
        let (isFirst, subscriber) = state.withLock { state in
            defer {
                state.isAnnouncing = false
                state.isAnnouncingRefused = true
                state.subscriber = nil
            }
            return (!state.isAnnouncingRefused, state.subscriber)
        }
        defer { withExtendedLifetime(subscriber) {} }
        if isFirst {
            logger.info(
                "Redis does not announce new messages, it is asked for them instead", metadata: ["error": "\(reason)"])
        }
        // Who waits for an announcement waits in vain.
        news.pushed()
    }

    // MARK: Losses

    /// What is remembered between losses: a server that takes connections and then no commands is not to be met again
    /// and again without a pause.
    private struct Outage {
        var backoff = Backoff(first: .milliseconds(50), maximum: .seconds(5))
        var start = ContinuousClock.now
        var end: ContinuousClock.Instant?
    }

    private func repair(after loss: TransportError, _ outage: inout Outage) async {
        // The other connection may have been lost at the same time, and be there again.
        guard state.withLock({ $0.failure == nil && !($0.commands.isOpen && $0.subscriber?.isOpen != false) }) else {
            return
        }
        state.withLock { $0.isAnnouncing = false }
        // Who waits for an announcement asks meanwhile.
        news.pushed()
        var mustPause = false
        if let end = outage.end, .now - end < Self.soundTime {
            mustPause = true
        } else {
            outage.backoff.reset()
            outage.start = .now
            logger.warning("a connection to Redis is lost, making a new one", metadata: ["error": "\(loss)"])
        }
        var error = loss
        while state.withLock({ $0.failure == nil }) {
            do {
                if mustPause {
                    // Without news it goes on, without the other connection it does not.
                    guard commands.isOpen || .now - outage.start < patience else { return giveUp(error) }
                    try await Task.sleep(for: outage.backoff.delay())
                }
                try await connect()
                outage.end = .now
                logger.info("connected to Redis again")
                return
            } catch let problem as TransportError where problem.isRetriable {
                error = problem
                mustPause = true
            } catch {
                if commands.isOpen { return refuseNews("\(error)") }
                return giveUp(
                    error as? TransportError ?? TransportError(.connectionLost, "\(error)", underlyingError: error))
            }
        }
    }

    /// Makes anew what is lost.
    private func connect() async throws {
        if !commands.isOpen {
            let commands = try await Self.openCommands(address, losses, logger)
            let isClosed = state.withLock { state in
                if state.failure == nil { state.commands = commands }
                return state.failure != nil
            }
            if isClosed { return await commands.close() }
            held.startAgain()
            commands.attach(held)
        }
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: true) }
        try await openNews()
        // What was pushed meanwhile was not announced.
        news.pushed()
    }
}
