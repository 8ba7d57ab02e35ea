internal import CeleryIO
internal import CoreMetrics

/// The metrics that were used so far: to make one costs a factory more than to use it.
final class TaskMetrics: Sendable {
    private struct Key: Hashable {
        let name: String
        let queue: String
    }

    private struct State {
        var factory: (any MetricsFactory)?
        var counters: [String: Counter] = [:]
        var published: [String: Counter] = [:]
        var revoked: [String: Counter] = [:]
        var active: Meter?
        var queues: [Key: QueueMetrics] = [:]

        mutating func knownFactory() -> any MetricsFactory {
            let known = factory ?? MetricsSystem.factory
            factory = known
            return known
        }

        mutating func counter(_ label: String, name: String) -> Counter {
            Counter(label: label, dimensions: [("name", name)], factory: knownFactory())
        }
    }

    private let state: Locked<State>

    init(_ factory: (any MetricsFactory)?) {
        state = Locked(State(factory: factory))
    }

    /// What concerns a task that a queue has brought.
    func metrics(of name: String, from queue: String) -> QueueMetrics {
        state.withLock { state in
            let key = Key(name: name, queue: queue)
            if let metrics = state.queues[key] { return metrics }
            let metrics = QueueMetrics(state.knownFactory(), name: name, queue: queue)
            state.queues[key] = metrics
            return metrics
        }
    }

    func published(_ name: String) -> Counter {
        state.withLock { state in
            if let counter = state.published[name] { return counter }
            let counter = state.counter(MetricLabel.published, name: name)
            state.published[name] = counter
            return counter
        }
    }

    func revoked(_ name: String) -> Counter {
        state.withLock { state in
            if let counter = state.revoked[name] { return counter }
            let counter = state.counter(MetricLabel.revoked, name: name)
            state.revoked[name] = counter
            return counter
        }
    }

    /// A counter without dimensions.
    func counter(_ label: String) -> Counter {
        state.withLock { state in
            if let counter = state.counters[label] { return counter }
            let counter = Counter(label: label, factory: state.knownFactory())
            state.counters[label] = counter
            return counter
        }
    }

    /// The meter of the tasks that run now.
    var active: Meter {
        state.withLock { state in
            if let active = state.active { return active }
            let active = Meter(label: MetricLabel.active, factory: state.knownFactory())
            state.active = active
            return active
        }
    }
}
