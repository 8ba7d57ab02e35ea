internal import CeleryIO
internal import CeleryTransport
internal import Logging

/// Takes part in the turns of a consumer's queues (``WatchTurn``): hears whose turn it is, and reads the lists, so that
/// the next push is announced, when it is this one's.
final class TurnTaker: Sendable {
    private struct State {
        var turn = WatchTurn()
        /// Whether the last claim that found something left this one its turn: there are no others then, as a rule, and
        /// the lists are read in the same go.
        var keepsTurn = false
        /// How many consumers waited for their turn when this one last asked.
        var waiting = 0
        /// When to ask whether somebody watches.
        var lookingAfter: Int?
        /// When to read the lists again.
        var rereading: Int?
        /// When to claim if the first has not.
        var standingIn: Int?
        /// How many keys are no lists, as the last claim found.
        var misfits = 0
        var hasLoggedRefusal = false
        var isStopped = false
    }

    /// So long has the first to claim before the second does.
    private static let secondsPatience = 0.15...0.3
    /// The lists are read again after so long by whoever watches: an announcement that is lost on its way, for whatever
    /// reason, is no end of all work.
    private static let rereadingInterval = 5.0...8.0

    private let link: ConsumerLink
    private let news: RedisNews
    private let claims: AnnouncedClaims
    private let watching: RedisPipeline
    private let logger: Logger
    private let state = Locked(State())

    /// - Parameter watching: reads the lists, so that the next push to one of them is announced.
    init(link: ConsumerLink, news: RedisNews, watching: RedisPipeline, logger: Logger) {
        self.link = link
        self.news = news
        claims = AnnouncedClaims(news, logger: logger)
        self.watching = watching
        self.logger = logger
        link.listen { [weak self] in self?.hear($0) }
        state.withLock { rereadLater(&$0) }
    }

    /// Whether this one is to watch.
    var hasRole: Bool { state.withLock { $0.turn.role != .none } }

    /// What comes over the subscriber's connection.
    private func hear(_ announcement: ConsumerLink.Announcement) {
        let action = state.withLock { state in
            switch announcement {
            case .push: return state.turn.pushed()
            case .order(let order): return state.turn.hear(order)
            case .startAgain:
                state.turn.startAgain()
                return .claim
            }
        }
        act(action)
    }

    func act(_ action: WatchTurn.Action) {
        switch action {
        case .nothing: break
        case .claim: claims.claim()
        case .watch: watch()
        case .claimLater: standIn()
        }
    }

    /// Claims after a moment, unless the turn has moved on by then. However often something is announced meanwhile,
    /// that is once.
    private func standIn() {
        state.withLock { state in
            guard state.standingIn == nil, !state.isStopped else { return }
            let moment = ContinuousClock.now + .seconds(Double.random(in: Self.secondsPatience))
            state.standingIn = Deadlines.shared.add(moment) { [weak self] in
                guard let self else { return }
                let isSecond = self.state.withLock { state in
                    state.standingIn = nil
                    return state.turn.role == .second
                }
                if isSecond { news.pushed() }
            }
        }
    }

    /// Reads the lists, so that the next push is announced.
    private func watch() {
        state.withLock { $0.turn.beginReading() }
        link.commands.submit(watching) { [weak self] replies in
            // What a lost connection did not answer is asked over the next one.
            guard let self, case .success(let replies) = replies else { return }
            hearRefusal(replies)
            // Keys that are no lists are there, too.
            act(state.withLock { $0.turn.read(isEmpty: replies.last == .integer($0.misfits)) })
        }
    }

    /// Whether the lists could be read to watch them: whoever waits for an announcement would wait in vain.
    private func hearRefusal(_ replies: some Sequence<RESPValue>) {
        guard let refusal = replies.lazy.compactMap(\.refusal).first else { return }
        link.hearRefusal(refusal)
    }

    // MARK: Claims

    /// A claim is about to be made: whether the lists are to be read after it in the same go.
    func beginClaim() -> Bool {
        claims.begin()
        return state.withLock { state in
            guard state.keepsTurn, state.turn.role != .none else { return false }
            state.turn.beginReading()
            return true
        }
    }

    /// What a claim was told of the turns; what is to be done once the messages are handed over.
    ///
    /// - Parameter watched: what was read after the claim, if the lists were.
    func claimed(_ reply: ClaimReply, watched: ArraySlice<RESPValue>?) -> WatchTurn.Action {
        let (action, isRefusal) = state.withLock { state in
            let isRefusal = reply.role == nil && !state.hasLoggedRefusal
            if reply.role == nil { state.hasLoggedRefusal = true }
            state.misfits = reply.misfits.count
            state.turn.claimed(reply.role ?? .none, number: reply.turn)
            if !reply.found.isEmpty { state.keepsTurn = state.turn.role != .none }
            state.waiting = max(reply.waiting, reply.found.isEmpty ? 0 : state.waiting)
            guard state.turn.role != .none else {
                lookAfterTheTurn(&state)
                return (WatchTurn.Action.nothing, isRefusal)
            }
            let action = watched.map { state.turn.read(isEmpty: $0.last == .integer(reply.misfits.count)) } ?? .watch
            return (action, isRefusal)
        }
        if !reply.found.isEmpty {
            claims.found()
        } else if link.isAnnouncing {
            claims.foundNothing()
        }
        if isRefusal {
            logger.error(
                "workers cannot take turns to wait, Redis is asked for messages instead",
                metadata: ["error": "\(reply.turnReason)"])
            link.stopAnnouncing()
        }
        if let watched { hearRefusal(watched) }
        return action
    }

    /// Another consumer has the turn now.
    func left(_ reply: ClaimReply) {
        state.withLock { $0.turn.claimed(reply.role ?? .none, number: reply.turn) }
    }

    // MARK: When others fail

    /// Sees to it that somebody watches, if all who did are gone at once: each of those who wait asks the more seldom,
    /// the more they are.
    private func lookAfterTheTurn(_ state: inout State) {
        guard state.lookingAfter == nil, !state.isStopped, link.isAnnouncing else { return }
        let delay = WatchTurn.patience(amongWaiting: state.waiting) * Double.random(in: 0.7...1.3)
        state.lookingAfter = Deadlines.shared.add(.now + .seconds(delay)) { [weak self] in
            guard let self else { return }
            let isWaiting = self.state.withLock { state in
                state.lookingAfter = nil
                return state.turn.role == .none
            }
            if isWaiting { news.pushed() }
        }
    }

    private func rereadLater(_ state: inout State) {
        guard !state.isStopped else { return }
        let delay = Double.random(in: Self.rereadingInterval)
        state.rereading = Deadlines.shared.add(.now + .seconds(delay)) { [weak self] in
            guard let self else { return }
            let isWatching = self.state.withLock { state in
                rereadLater(&state)
                return state.turn.role != .none && link.isAnnouncing
            }
            if isWatching { watch() }
        }
    }

    func stop() {
        claims.stop()
        let deadlines = state.withLock { state in
            state.isStopped = true
            return [state.lookingAfter, state.rereading, state.standingIn]
        }
        for case let deadline? in deadlines { Deadlines.shared.remove(deadline) }
    }
}
