/// How long to wait before the next try to connect: doubling, with jitter, up to a maximum.
package struct Backoff: Sendable {
    private let first: Duration
    private let maximum: Duration
    private var next: Duration

    package init(first: Duration = .milliseconds(100), maximum: Duration = .seconds(30)) {
        self.first = first
        self.maximum = maximum
        next = first
    }

    /// The wait before the next try: between half and all of a step that doubles each time.
    package mutating func delay() -> Duration {
        let step = next
        next = min(step * 2, maximum)
        return step * Double.random(in: 0.5...1)
    }

    /// Starts again with the shortest wait, after a success.
    package mutating func reset() {
        next = first
    }
}
