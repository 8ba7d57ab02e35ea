internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Has a consumer claim what is announced: at once, or at the end of a pause when announcements bring nothing again and
/// again (``ClaimPace``).
final class AnnouncedClaims: Sendable {
    private struct State {
        var pace = ClaimPace()
        /// The end of the pause, when something was announced in it.
        var pending: Int?
        var outage = OutageLog()
        var isStopped = false
    }

    private let news: RedisNews
    private let logger: Logger
    private let state = Locked(State())

    init(_ news: RedisNews, logger: Logger) {
        self.news = news
        self.logger = logger
    }

    /// Something was announced.
    func claim() {
        let isDue = state.withLock { state in
            guard let time = state.pace.announced(at: .now) else { return true }
            guard state.pending == nil, !state.isStopped else { return false }
            state.pending = Deadlines.shared.add(time) { [weak self] in
                guard let self else { return }
                self.state.withLock { $0.pending = nil }
                news.pushed()
            }
            return false
        }
        if isDue { news.pushed() }
    }

    /// A claim begins.
    func begin() {
        state.withLock { $0.pace.begin(at: .now) }
    }

    /// A claim has found something: what was announced meanwhile is claimed at once.
    func found() {
        let pending = state.withLock { state in
            state.pace.reset()
            defer { state.pending = nil }
            return state.pending
        }
        guard let pending else { return }
        Deadlines.shared.remove(pending)
        news.pushed()
    }

    /// A claim has found nothing.
    func foundNothing() {
        let count = state.withLock { state in state.pace.foundNothing(at: .now) ? state.outage.failed() : nil }
        guard let count else { return }
        logger.notice(
            "Redis announces new messages again and again, and there are none: claims are made in intervals meanwhile",
            metadata: [
                "claims": "\(count)", "interval": "\(ReadableDuration(ClaimPace.longestPause))",
                "look_at": """
                tracking-table-max-keys of the server, which may be too small for what all of its clients read, and \
                other workers of these queues, which may be faster
                """,
            ])
    }

    func stop() {
        let pending = state.withLock { state in
            state.isStopped = true
            return state.pending
        }
        if let pending { Deadlines.shared.remove(pending) }
    }
}
