import Celery
import CeleryCommands
import CeleryMetrics
import CeleryTracing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A worker with metrics and traces, for the tests of traces across Python and Swift and for `interop/bench --middleware`.
/// The file that `WATCHED_SPANS` names gets a line of JSON for each span, or for one in `WATCHED_SPANS_EVERY`; without it
/// the worker has no middleware.
@main struct WatchedWorker: CeleryWorkerCommand {
    let middleware: [any CeleryMiddleware]

    init() throws {
        let environment = ProcessInfo.processInfo.environment
        guard let path = environment["WATCHED_SPANS"] else {
            middleware = []
            return
        }
        let file = try SpanFile(path, every: environment["WATCHED_SPANS_EVERY"].flatMap { Int($0) } ?? 1)
        middleware = [MetricsMiddleware(factory: CountingFactory()), TracingMiddleware(tracer: W3CTracer(file))]
    }

    var handlers: [TaskHandler] {
        TaskHandler(
            TaskDefinition(
                "swift.mul", Parameter("x", as: Int.self), Parameter("y", as: Int.self), returning: Int.self)
        ) { _, x, y in x * y }
        // Sends a task of this name to the queue `traced`, at the second try.
        TaskHandler(TaskDefinition("swift.relay", Parameter("task", as: String.self), returning: String.self)) {
            context, task in
            guard context.retries > 0 else { throw Retry(after: .zero) }
            return try await context.enqueue(named: task, options: SendOptions(queue: "traced")).id
        }
    }
}
