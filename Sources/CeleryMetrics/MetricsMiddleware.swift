public import Celery
public import CoreMetrics

/// Counts and measures tasks through swift-metrics; nothing without a `MetricsSystem.bootstrap`, which must come first.
///
///     let client = try CeleryClient(broker: .redis(url), middleware: [MetricsMiddleware()])
///
/// | metric | what | dimensions |
/// | --- | --- | --- |
/// | `celery.tasks.published` | counter: tasks sent | `name` |
/// | `celery.tasks.received` | counter: messages whose tasks can run here | `name`, `queue` |
/// | `celery.tasks.completed` | counter: tasks that have run to their end | `name`, `queue`, `state` |
/// | `celery.tasks.retried` | counter: tries that lead to another one | `name`, `queue` |
/// | `celery.tasks.revoked` | counter: tasks that came too late or were revoked | `name` |
/// | `celery.tasks.refused` | counter: messages that cannot be run | – |
/// | `celery.task.duration` | timer: the run of the handler | `name`, `queue`, `state` |
/// | `celery.task.queued.duration` | timer: from the receipt, or the eta, to the start | `name`, `queue` |
/// | `celery.worker.tasks.active` | meter: tasks that run now | – |
/// | `celery.broker.reconnects` | counter: connections made anew | – |
///
/// States are Celery's: `SUCCESS`, `FAILURE`, `RETRY`, `IGNORED`, `REJECTED`; a try that the end of the worker has cut short
/// is none. Put it first, so that it sees what the other middleware makes of a task.
public struct MetricsMiddleware: CeleryMiddleware {
    private let metrics: TaskMetrics

    /// Makes the middleware.
    ///
    /// - Parameter factory: makes the metrics; by default the one of `MetricsSystem` at the first task.
    public init(factory: (any MetricsFactory)? = nil) {
        metrics = TaskMetrics(factory)
    }

    /// Counts what was sent.
    public func send(_ task: OutgoingTask, next: (OutgoingTask) async throws -> Void) async throws {
        try await next(task)
        metrics.published(task.task).increment()
    }

    /// Measures the run, and counts how it has ended.
    public func run(_ task: IncomingTask, next: (IncomingTask) async -> TaskOutcome) async throws -> TaskOutcome {
        let (own, active) = (metrics.metrics(of: task.context.request.task, from: task.context.queue), metrics.active)
        if let waited = task.waited { own.queued.recordNanoseconds(waited.nanoseconds) }
        active.increment()
        let start = ContinuousClock.now
        let outcome = await next(task)
        let duration = ContinuousClock.now - start
        active.decrement()
        if let end = QueueMetrics.End(outcome) { own.add(end, after: duration.nanoseconds) }
        return outcome
    }

    /// Counts it.
    public func observe(_ event: WorkerEvent) {
        switch event {
        case .received(let request, let queue): metrics.metrics(of: request.task, from: queue).received.increment()
        case .expired(let request), .revoked(let request), .terminated(let request, _):
            metrics.revoked(request.task).increment()
        // Without the name: anybody may have made it up.
        case .refused: metrics.counter(MetricLabel.refused).increment()
        case .reconnected: metrics.counter(MetricLabel.reconnects).increment()
        // Measured where it runs.
        case .started, .ended: break
        }
    }
}

extension QueueMetrics.End {
    /// `nil` for a try that has no end.
    fileprivate init?(_ outcome: TaskOutcome) {
        switch outcome {
        case .success: self = .success
        case .failure: self = .failure
        case .retry: self = .retry
        case .ignored, .replaced: self = .ignored
        case .rejected: self = .rejected
        case .interrupted: return nil
        }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isTooLarge ? .max : product + attoseconds / 1_000_000_000
    }
}
