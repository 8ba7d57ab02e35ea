internal import CeleryIO

/// How soon a claim follows the announcement of a push: at once, unless claims find nothing again and again.
///
/// A server that forgets what it tracks (`tracking-table-max-keys`) announces a push to a list as soon as the list was
/// read, and whoever looks, finds nothing, reads and is told again would never stop. The pauses count from one claim to
/// the next: what is announced after some quiet is claimed at once all the same.
struct ClaimPace: Sendable {
    /// So many claims in a row may find nothing before there are pauses: others may have been faster.
    static let freeClaims = 10
    /// The longest pause between two claims: as often is asked where nothing is announced.
    static let longestPause = Duration.milliseconds(250)
    /// Claims that are so far from each other cost next to nothing.
    private static let quiet = Duration.seconds(1)

    private var pauses = ClaimPace.schedule
    /// When the last claim began.
    private var last: ContinuousClock.Instant?
    private var next: ContinuousClock.Instant?
    /// How many claims in a row have found nothing.
    private(set) var fruitless = 0
    /// The steps of the pauses have come to the longest one.
    private var isSlow = false

    private static var schedule: RetrySchedule { RetrySchedule(first: .milliseconds(5), maximum: longestPause) }

    /// When to claim what is announced now; `nil` for at once.
    func nextClaim(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        next.flatMap { $0 > now ? $0 : nil }
    }

    /// A claim begins. What is announced from here on waits for the end of the pause, if there is one.
    mutating func begin(at now: ContinuousClock.Instant) {
        if let last, now - last >= Self.quiet { reset() }
        last = now
        guard fruitless >= Self.freeClaims else { return }
        let delay = pauses.nextDelay()
        next = now + delay
        if delay > Self.longestPause / 2 { isSlow = true }
    }

    /// A claim has found nothing. Whether claims are as slow now as they become.
    mutating func foundNothing() -> Bool {
        fruitless += 1
        return isSlow
    }

    /// A claim has found something: the next announcement counts again.
    mutating func reset() { self = ClaimPace(last: last) }

    init() {}

    private init(last: ContinuousClock.Instant?) { self.last = last }
}
