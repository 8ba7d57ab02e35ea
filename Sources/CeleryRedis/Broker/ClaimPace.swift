internal import CeleryIO

/// How soon a claim follows the announcement of a push: at once, unless claims find nothing again and again.
///
/// A server that forgets what it tracks (`tracking-table-max-keys`) announces a push to a list as soon as the list was
/// read, and whoever looks, finds nothing, reads and is told again would never stop. Such an announcement follows the
/// claim before it closely each time. The pushes that other workers are faster to take do so only by chance, and a task
/// that is for this one alone does not wait because of them.
struct ClaimPace: Sendable {
    /// So many claims in a row may find nothing before there are pauses: others may have been faster.
    static let freeClaims = 10
    /// The longest pause between two claims.
    static let longestPause = Duration.milliseconds(100)
    private static let firstPause = Duration.milliseconds(5)
    /// What is announced so soon after a claim may have been brought about by it.
    static let echoTime = Duration.milliseconds(2)
    /// For so many claims in vain makes up one announcement that is no echo.
    private static let credit = 3
    /// Claims that are so far from each other cost next to nothing.
    private static let quiet = Duration.seconds(1)

    /// When the last claim began.
    private var last: ContinuousClock.Instant?
    /// When the last claim had found nothing, until something is announced after it.
    private var answered: ContinuousClock.Instant?
    /// How many claims in a row have found nothing, less what is made up for; no more than the longest pause takes.
    private var fruitless = 0
    /// How much of the pause is kept, so that not all consumers claim at the same time.
    private var share = 1.0

    /// Something is announced: when to claim it; `nil` for at once.
    mutating func announced(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        if let answered, now - answered > Self.echoTime { fruitless = max(0, fruitless - Self.credit) }
        answered = nil
        guard let last else { return nil }
        let next = last + pause * share
        return next > now ? next : nil
    }

    /// A claim begins. What is announced from here on waits for the end of the pause, if there is one.
    mutating func begin(at now: ContinuousClock.Instant) {
        if let last, now - last >= Self.quiet { fruitless = 0 }
        last = now
        answered = nil
        share = Double.random(in: 0.5...1)
    }

    /// A claim has found nothing. Whether claims are as slow now as they become.
    mutating func foundNothing(at now: ContinuousClock.Instant) -> Bool {
        answered = now
        if pause < Self.longestPause { fruitless += 1 }
        return pause == Self.longestPause
    }

    /// A claim has found something: the next announcement counts again.
    mutating func reset() {
        fruitless = 0
        answered = nil
    }

    /// The pause after the last claim, at most.
    private var pause: Duration {
        let steps = fruitless - Self.freeClaims
        return steps < 0 ? .zero : min(Self.firstPause * (1 << steps), Self.longestPause)
    }
}
