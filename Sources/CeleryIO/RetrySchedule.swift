/// When to try something again that has failed: waits that double, with jitter, as often or as long as it is worth it.
///
/// A value holds the failures so far; a copy of a fresh one begins anew. What counts as progress, after which the waits
/// are short again, is for its owner to say: a connection that was made is none if it is lost at once.
package struct RetrySchedule: Sendable {
    private let first: Duration
    private let maximum: Duration
    private let tries: Int?
    private let isFirstAtOnce: Bool
    /// No try begins later. The last wait is cut so that one begins then.
    package var deadline: ContinuousClock.Instant?
    private var step: Duration
    /// How many waits there were since the beginning or since the last progress.
    package private(set) var failures = 0

    /// Makes a schedule.
    ///
    /// - Parameters:
    ///   - first: the first wait, before jitter.
    ///   - maximum: the longest wait, before jitter.
    ///   - tries: how many tries there are after the first one; `nil` for no limit.
    ///   - deadline: until when there are tries; `nil` for no limit.
    ///   - isFirstAtOnce: whether the first further try waits for nothing, and only the next one for `first`.
    package init(
        first: Duration = .milliseconds(100),
        maximum: Duration = .seconds(30),
        tries: Int? = nil,
        deadline: ContinuousClock.Instant? = nil,
        isFirstAtOnce: Bool = false
    ) {
        self.first = first
        self.maximum = maximum
        self.tries = tries
        self.deadline = deadline
        self.isFirstAtOnce = isFirstAtOnce
        step = first
    }

    /// The wait before the next try, between half and all of a step that doubles each time; `nil` when there is to be
    /// none.
    package mutating func nextDelay(now: ContinuousClock.Instant = .now) -> Duration? {
        if let tries, failures >= tries { return nil }
        if let deadline, deadline <= now { return nil }
        failures += 1
        if isFirstAtOnce, failures == 1 { return .zero }
        let delay = step * Double.random(in: 0.5...1)
        step = min(step * 2, maximum)
        return deadline.map { min(delay, now.duration(to: $0)) } ?? delay
    }

    /// There was progress: the next failure is the first one again.
    package mutating func reset() {
        step = first
        failures = 0
    }

    /// What was tried lasted so long before it failed. Longer than the longest wait is progress by itself.
    package mutating func reset(afterLasting duration: Duration) {
        if duration > maximum { reset() }
    }
}
