/// How long to wait before each further try of something that has failed: waits that double, with jitter, up to a longest
/// one. How often it is worth a try is for whoever tries to say, as to ``retrying(_:tries:while:willRetry:pause:_:)``.
///
/// A value holds the failures so far; a copy of a fresh one begins anew. What counts as progress, after which the waits
/// are short again, is for its owner to say: a connection that was made is none if it is lost at once.
package struct RetrySchedule: Sendable {
    private let first: Duration
    private let maximum: Duration
    private let isFirstAtOnce: Bool
    private var step: Duration
    /// How many waits there were since the beginning or since the last progress.
    package private(set) var failures = 0

    /// Makes a schedule.
    ///
    /// - Parameters:
    ///   - first: the first wait, before jitter.
    ///   - maximum: the longest wait, before jitter.
    ///   - isFirstAtOnce: whether the first further try waits for nothing, and only the next one for `first`.
    package init(
        first: Duration = .milliseconds(100), maximum: Duration = .seconds(30), isFirstAtOnce: Bool = false
    ) {
        self.first = first
        self.maximum = maximum
        self.isFirstAtOnce = isFirstAtOnce
        step = first
    }

    /// The wait before the next try, between half and all of a step that doubles each time.
    package mutating func nextDelay() -> Duration {
        failures += 1
        if isFirstAtOnce, failures == 1 { return .zero }
        defer { step = min(step * 2, maximum) }
        return step * Double.random(in: 0.5...1)
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
