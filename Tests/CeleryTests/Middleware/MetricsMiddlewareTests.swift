import Celery
import CeleryMetrics
import CeleryTesting
import CoreMetrics
import MetricsTestKit
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct MetricsMiddlewareTests {
    private struct Failure: Error {}

    private let metrics = TestMetrics()
    private var middleware: [any CeleryMiddleware] { [MetricsMiddleware(factory: metrics)] }

    @Test func tasksAreCountedAndMeasuredByNameQueueAndState() async throws {
        try await withBench(middleware: middleware) {
            TaskHandler(named: "tasks.flaky") { context, _, _ in
                guard context.retries == 1 else { throw Retry(after: .zero) }
                return nil
            }
            TaskHandler(named: "tasks.fail") { _, _, _ in throw Failure() }
            TaskHandler(named: "tasks.echo") { _, _, _ in nil }
        } _: { bench async throws in
            _ = try await bench.client.enqueue(named: "tasks.flaky").value()
            let failing = try await bench.client.enqueue(named: "tasks.fail")
            await #expect(throws: TaskFailure.self) { try await failing.value() }
            // Of the two tries and of the failure.
            for _ in 0..<3 { _ = try await bench.broker.settlements.next() }
            _ = try await bench.settlement(
                of: Envelope(headers: ["task": "tasks.echo", "id": "old", "expires": "2001-01-01T00:00:00"]).bytes)
            _ = try await bench.settlement(of: Envelope(headers: ["task": "tasks.other", "id": "odd"]).bytes)
        }
        func count(_ label: String, _ dimensions: (String, String)...) -> Int64 {
            metrics.counterTotal(label: label, dimensions: dimensions)
        }
        let flaky = [("name", "tasks.flaky"), ("queue", "celery")]
        #expect(count("celery.tasks.published", flaky[0]) == 2)
        #expect(metrics.counterTotal(label: "celery.tasks.received", dimensions: flaky) == 2)
        #expect(metrics.counterTotal(label: "celery.tasks.retried", dimensions: flaky) == 1)
        #expect(metrics.counterTotal(label: "celery.tasks.completed", dimensions: flaky + [("state", "SUCCESS")]) == 1)
        #expect(
            count("celery.tasks.completed", ("name", "tasks.fail"), ("queue", "celery"), ("state", "FAILURE")) == 1)
        #expect(count("celery.tasks.revoked", ("name", "tasks.echo")) == 1 && count("celery.tasks.refused") == 1)
        let tries = try metrics.expectTimer("celery.task.duration", flaky + [("state", "RETRY")])
        #expect(tries.values.count == 1 && tries.values[0] > 0)
        #expect(try metrics.expectTimer("celery.task.queued.duration", flaky).values.count == 2)
        #expect(try metrics.expectMeter("celery.worker.tasks.active").lastValue == 0)
    }

    @Test func whatIsNotSentIsNotCounted() async throws {
        let refusing = ProbeMiddleware(onSend: { _, _ in throw Failure() })
        let client = try CeleryClient(broker: .memory, middleware: middleware + [refusing], logger: Bench.logger)
        await #expect(throws: Failure.self) { try await client.enqueue(named: "tasks.any") }
        #expect(metrics.counters.isEmpty)
    }
}
