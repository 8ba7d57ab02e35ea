internal import CeleryIO
internal import CoreMetrics

/// The metrics of one task from one queue.
final class QueueMetrics: Sendable {
    /// How a try has ended, by Celery's name of the state.
    enum End: String, CaseIterable {
        case success = "SUCCESS"
        case failure = "FAILURE"
        case retry = "RETRY"
        case ignored = "IGNORED"
        case rejected = "REJECTED"
    }

    let received: Counter
    let queued: Timer
    private let factory: any MetricsFactory
    private let dimensions: [(String, String)]
    /// A counter and a timer for each end that was seen.
    private let ends: Locked<[(counter: Counter, duration: Timer)?]>

    init(_ factory: any MetricsFactory, name: String, queue: String) {
        self.factory = factory
        dimensions = [("name", name), ("queue", queue)]
        received = Counter(label: MetricLabel.received, dimensions: dimensions, factory: factory)
        queued = Timer(label: MetricLabel.queuedDuration, dimensions: dimensions, factory: factory)
        ends = Locked(Array(repeating: nil, count: End.allCases.count))
    }

    /// A try has ended after so many nanoseconds.
    func add(_ end: End, after nanoseconds: Int64) {
        let (counter, duration) = metrics(of: end)
        counter.increment()
        duration.recordNanoseconds(nanoseconds)
    }

    private func metrics(of end: End) -> (Counter, Timer) {
        let index =
            switch end {
            case .success: 0
            case .failure: 1
            case .retry: 2
            case .ignored: 3
            case .rejected: 4
            }
        return ends.withLock { ends in
            if let known = ends[index] { return known }
            let state = dimensions + [("state", end.rawValue)]
            let counter =
                end == .retry
                ? Counter(label: MetricLabel.retried, dimensions: dimensions, factory: factory)
                : Counter(label: MetricLabel.completed, dimensions: state, factory: factory)
            let made = (counter, Timer(label: MetricLabel.duration, dimensions: state, factory: factory))
            ends[index] = made
            return made
        }
    }
}
