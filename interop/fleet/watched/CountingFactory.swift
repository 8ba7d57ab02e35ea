import CoreMetrics
import Synchronization

/// Metrics that are only counted: what it costs to have some.
struct CountingFactory: MetricsFactory {
    private final class Handler: CounterHandler, MeterHandler, RecorderHandler, TimerHandler {
        private let count = Atomic<Int64>(0)

        func increment(by amount: Int64) { count.add(amount, ordering: .relaxed) }
        func increment(by amount: Double) { count.add(1, ordering: .relaxed) }
        func decrement(by amount: Double) { count.subtract(1, ordering: .relaxed) }
        func set(_ value: Int64) { count.store(value, ordering: .relaxed) }
        func set(_ value: Double) { count.add(1, ordering: .relaxed) }
        func record(_ value: Int64) { count.add(1, ordering: .relaxed) }
        func record(_ value: Double) { count.add(1, ordering: .relaxed) }
        func recordNanoseconds(_ duration: Int64) { count.add(1, ordering: .relaxed) }
        func reset() { count.store(0, ordering: .relaxed) }
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { Handler() }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { Handler() }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        Handler()
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { Handler() }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
