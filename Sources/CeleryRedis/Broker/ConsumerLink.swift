internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// The connections of a consumer: one for commands, one for the news of pushes.
///
/// What a consumer holds in Redis is not bound to them. A connection that is lost is made anew behind the scenes while
/// tasks run, for as long as it takes: whatever a server says to somebody whom it has served before will pass.
final class ConsumerLink: Sendable {
    /// What comes over the subscriber's connection.
    enum Announcement: Sendable {
        /// A list has been pushed to that was read to watch it.
        case push
        /// It is this consumer's turn to watch.
        case order(WatchTurn.Order)
        /// There are new connections: what was announced meanwhile is not known.
        case startAgain
    }

    private struct State {
        var commands: RedisConnection
        var subscriber: RedisConnection?
        var subscriberID = 0
        /// Whether the server announces pushes; else it has to be asked.
        var isAnnouncing = false
        /// Whether it has refused to, so that it is not asked again on this connection.
        var isAnnouncingRefused = false
        var hasLoggedRefusal = false
        /// Why there are no connections any more.
        var failure: TransportError?
        /// Whether something was done over the present connection, so that its loss is a new one.
        var hasProgressed = false
        var waiting: [CheckedContinuation<Bool, Never>] = []
        var outages = 0
        var listener: (@Sendable (Announcement) -> Void)?
    }

    private let address: RedisAddress
    private let held: HeldMessages
    private let news: RedisNews
    private let logger: Logger
    private let state: Locked<State>
    private let losses: AsyncStream<TransportError>.Continuation

    /// Opens the connections. `held` is looked after on the one for commands from now on.
    static func open(
        _ address: RedisAddress, held: HeldMessages, news: RedisNews, logger: Logger
    ) async throws -> ConsumerLink {
        let (stream, losses) = AsyncStream<TransportError>.makeStream()
        let commands = try await openCommands(address, losses, logger)
        let link = ConsumerLink(address, commands, losses, held: held, news: news, logger: logger)
        try await link.openNews()
        commands.attach(held)
        // Belongs to the link, whose end ends the stream.
        Task { [weak link] in
            var outages = OutageLog()
            var schedule = RetrySchedule(first: .milliseconds(50), maximum: held.longestPause)
            for await loss in stream { await link?.repair(after: loss, &outages, &schedule) }
        }
        return link
    }

    private init(
        _ address: RedisAddress, _ commands: RedisConnection, _ losses: AsyncStream<TransportError>.Continuation,
        held: HeldMessages, news: RedisNews, logger: Logger
    ) {
        self.address = address
        self.losses = losses
        self.held = held
        self.news = news
        self.logger = logger
        state = Locked(State(commands: commands))
    }

    deinit { losses.finish() }

    /// The connection for commands: the present one, even if it is lost.
    var commands: RedisConnection { state.withLock { $0.commands } }

    /// Whether pushes are announced to ``RedisNews``.
    var isAnnouncing: Bool { state.withLock { $0.isAnnouncing } }

    /// Has `listener` called with what is announced from now on, as a rule on the subscriber's thread.
    func listen(_ listener: @escaping @Sendable (Announcement) -> Void) {
        state.withLock { $0.listener = listener }
    }

    /// How often there was no connection for so long that others cannot have been expected to have one at the end of it.
    var outages: Int { state.withLock { $0.outages } }

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

    /// Closes both connections.
    ///
    /// - Parameter atOnce: whether not to wait until everything sent so far is answered.
    func close(atOnce: Bool) async {
        giveUp(TransportError(.closed, "the connection was closed"))
        let (commands, subscriber) = state.withLock { ($0.commands, $0.subscriber) }
        if atOnce { commands.cut() } else { await commands.close() }
        await subscriber?.close()
    }

    /// Something was done over the connection: the server works.
    func noteProgress() {
        state.withLock { $0.hasProgressed = true }
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
                onMessages: { [weak self] messages in
                    for case .error(let reason) in messages { self?.hearRefusal(reason) }
                    self?.hear(messages)
                },
                onLoss: Self.note(in: losses))
            let reply = try await subscriber?.send(RedisPipeline("CLIENT", "ID")).first
            guard let id = reply?.integer else {
                if let refusal = reply?.refusal { return try refuse(refusal) }
                return refuseNews("no client id")
            }
            try subscriber?.subscribe {
                RedisPipeline("SUBSCRIBE", Self.invalidation, KombuKeys().turnChannel(held.id))
            }
            let isClosed = state.withLock { state in
                if state.failure == nil { (state.subscriber, state.subscriberID) = (subscriber, id) }
                return state.failure != nil
            }
            if isClosed { return await subscriber?.close() ?? () }
        }
        let id = state.withLock { $0.subscriberID }
        let reply = try await commands.send(RedisPipeline("CLIENT", "TRACKING", "ON", "REDIRECT", String(id), "OPTIN"))
            .first
        if let refusal = reply?.refusal { return try refuse(refusal) }
        state.withLock { $0.isAnnouncing = !$0.isAnnouncingRefused }
    }

    /// Where the server announces pushes to what was read.
    private static let invalidation = "__redis__:invalidate"

    /// What a subscriber hears.
    private func hear(_ messages: [RESPValue]) {
        let listener = state.withLock { $0.listener }
        for message in messages {
            guard let parts = message.array, parts.count == 3, parts[0].text == "message" else { continue }
            if parts[1].text == Self.invalidation {
                listener?(.push)
            } else if let order = parts[2].text.flatMap(WatchTurn.Order.init) {
                listener?(.order(order))
            }
        }
    }

    /// Waits for no announcements any more: they cannot be relied on.
    func stopAnnouncing() {
        state.withLock { state in
            state.isAnnouncing = false
            state.isAnnouncingRefused = true
        }
        news.pushed()
    }

    /// - Throws: what passes.
    private func refuse(_ refusal: String) throws {
        if RefusalKind(refusal).isPassing { throw TransportError(refusal: refusal) }
        refuseNews(refusal)
    }

    /// What is said against announcements; what is refused for a while is asked for again with a new connection.
    func hearRefusal(_ reason: String) {
        // Said on a connection whose tracking is about to be set up: the lists are read again then.
        if reason.contains("CLIENT CACHING can be called only") { return }
        guard RefusalKind(reason).isPassing else { return refuseNews(reason) }
        state.withLock { $0.subscriber }?.abandon(refusal: reason)
    }

    /// The server does not announce pushes, or not to this user.
    private func refuseNews(_ reason: String) {
        // The connection that was for them goes away with its last reference, outside of the lock.
        let (isFirst, subscriber) = state.withLock { state in
            defer {
                state.isAnnouncing = false
                state.isAnnouncingRefused = true
                state.hasLoggedRefusal = true
                state.subscriber = nil
            }
            return (!state.hasLoggedRefusal, state.subscriber)
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

    private func repair(
        after loss: TransportError, _ outages: inout OutageLog, _ schedule: inout RetrySchedule
    ) async {
        // The other connection may have been lost at the same time, and be there again.
        let isNeeded = state.withLock { state in
            state.isAnnouncing = state.isAnnouncing && state.subscriber?.isOpen == true && state.commands.isOpen
            return state.failure == nil && !(state.commands.isOpen && state.subscriber?.isOpen != false)
        }
        // What the lost one had not said is said on this one.
        guard isNeeded else { return commands.thread.nudge() }
        // Who waits for an announcement asks meanwhile.
        news.pushed()
        // Where something was done before the loss, many short losses are not one long one.
        let hasProgressed = state.withLock { state in
            defer { state.hasProgressed = false }
            return state.hasProgressed
        }
        if hasProgressed { schedule.reset() }
        log(
            loss.underlyingError is RedisConnectionState.Unreadiness
                ? "Redis refuses to serve this worker, trying again over a new connection"
                : "a connection to Redis is lost, making a new one", loss, &outages)
        let lostAt = ContinuousClock.now
        while state.withLock({ $0.failure == nil }) {
            // Even then not at once: a server may take connections, do something, and end them.
            do { try await Task.sleep(for: schedule.nextDelay()) } catch { return }
            do {
                try await connect(lostAt: lostAt)
                let duration = outages.worksAgain()
                return logger.log(
                    level: duration == nil ? .debug : .info, "connected to Redis again",
                    metadata: duration.map { ["after": "\(ReadableDuration($0))"] })
            } catch {
                log("no connection to Redis, trying again", error, &outages)
            }
        }
    }

    private func log(_ what: Logger.Message, _ error: any Error, _ outages: inout OutageLog) {
        let count = outages.failed(because: "\(error)")
        var metadata: Logger.Metadata = ["error": "\(error)"]
        if let count, count > 1 { metadata["count"] = "\(count)" }
        logger.log(level: count == nil ? .debug : .warning, what, metadata: metadata)
    }

    /// Makes anew what is lost.
    private func connect(lostAt: ContinuousClock.Instant) async throws {
        if !commands.isOpen {
            let commands = try await Self.openCommands(address, losses, logger)
            let isClosed = state.withLock { state in
                if state.failure == nil { state.commands = commands }
                // A server that ends idle connections is there all the time.
                if .now - lostAt > held.shortestOutage { state.outages += 1 }
                // The rights may have changed meanwhile.
                state.isAnnouncingRefused = false
                return state.failure != nil
            }
            if isClosed { return commands.cut() }
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
        if let listener = state.withLock({ $0.listener }) { listener(.startAgain) } else { news.pushed() }
    }
}
