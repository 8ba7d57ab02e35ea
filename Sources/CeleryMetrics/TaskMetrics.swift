internal import CeleryIO
internal import CoreMetrics

/// The metrics that were used so far: to make one costs a factory more than to use it.
final class TaskMetrics: Sendable {
    private struct Key: Hashable {
        let label: String
        let name: String?
        let queue: String?
        let state: String?

        var dimensions: [(String, String)] {
            [("name", name), ("queue", queue), ("state", state)].compactMap { name, value in
                value.map { (name, $0) }
            }
        }
    }

    private struct State {
        var factory: (any MetricsFactory)?
        var counters: [Key: Counter] = [:]
        var timers: [Key: Timer] = [:]
        var active: Meter?

        mutating func madeBy() -> any MetricsFactory {
            let made = factory ?? MetricsSystem.factory
            factory = made
            return made
        }
    }

    private let state: Locked<State>

    init(_ factory: (any MetricsFactory)?) {
        state = Locked(State(factory: factory))
    }

    func counter(_ label: String, name: String? = nil, queue: String? = nil, state: String? = nil) -> Counter {
        let key = Key(label: label, name: name, queue: queue, state: state)
        return self.state.withLock { state in
            if let counter = state.counters[key] { return counter }
            let counter = Counter(label: label, dimensions: key.dimensions, factory: state.madeBy())
            state.counters[key] = counter
            return counter
        }
    }

    func timer(_ label: String, name: String, queue: String, state: String? = nil) -> Timer {
        let key = Key(label: label, name: name, queue: queue, state: state)
        return self.state.withLock { state in
            if let timer = state.timers[key] { return timer }
            let timer = Timer(label: label, dimensions: key.dimensions, factory: state.madeBy())
            state.timers[key] = timer
            return timer
        }
    }

    /// The meter of the tasks that run now.
    var active: Meter {
        state.withLock { state in
            if let active = state.active { return active }
            let active = Meter(label: MetricLabel.active, factory: state.madeBy())
            state.active = active
            return active
        }
    }
}
