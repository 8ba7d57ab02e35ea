internal import CeleryIO

/// How long somebody else is waited for who has the right to send a chord's body: until the right expires, which is looked
/// at again and again, as it is kept, given up and used meanwhile.
struct ClaimWait {
    /// For so long at most in all.
    private static let longest = Duration.seconds(300)
    /// So often is looked at least.
    private static let check = Duration.seconds(1)

    private var waited = Duration.zero
    /// Less and less often: a right that never expires says that nothing is left of it.
    private var schedule = RetrySchedule(first: .milliseconds(50), maximum: check)

    /// How long is waited now; `nil` when it has been long enough.
    ///
    /// - Parameter remaining: what is left of the right.
    mutating func next(_ remaining: Duration) -> Duration? {
        guard waited < Self.longest else { return nil }
        let wait = max(schedule.nextDelay(), min(remaining, Self.check))
        waited += wait
        return wait
    }
}
