import Celery
import CeleryTesting
import CeleryTracing
import InMemoryTracing
import TestSupport
import Testing
import Tracing

@Suite(.timeLimit(.minutes(1))) struct TracingMiddlewareTests {
    private struct Failure: Error {}

    private let tracer = InMemoryTracer()
    private var middleware: [any CeleryMiddleware] { [TracingMiddleware(tracer: tracer)] }

    private func span(_ name: String) throws -> FinishedInMemorySpan {
        try #require(tracer.finishedSpans.first { $0.operationName == name })
    }

    @Test func aRunIsTheChildOfItsSendingAcrossAllThatComesOfIt() async throws {
        try await withBench(middleware: middleware) {
            TaskHandler(named: "tasks.leaf") { _, _, _ in nil }
            TaskHandler(named: "tasks.parent") { context, _, _ in
                let span = tracer.startSpan("own")
                defer { span.end() }
                return try await ServiceContext.withValue(span.context) {
                    .string(try await context.enqueue(named: "tasks.leaf").id)
                }
            }
        } _: { bench async throws in
            let parent = try await bench.client.enqueue(named: "tasks.parent")
            let leaf = try #require(try await parent.value().stringValue)
            _ = try await bench.client.handle(id: leaf).value()
            // Of these two.
            for _ in 0..<2 { _ = try await bench.broker.settlements.next() }
            _ = try await bench.settlement(of: Envelope(headers: ["task": "tasks.leaf", "id": "untraced"]).bytes)
        }
        let names = ["apply_async/tasks.parent", "run/tasks.parent", "own", "apply_async/tasks.leaf", "run/tasks.leaf"]
        let spans = try names.map(span)
        #expect(Set(spans.map(\.traceID)).count == 1 && spans[0].parentSpanID == nil)
        for (parent, child) in zip(spans, spans.dropFirst()) { #expect(child.parentSpanID == parent.spanID) }
        #expect(spans.map(\.kind) == [.producer, .consumer, .internal, .producer, .consumer])
        #expect(tracer.activeSpans.isEmpty)
        let untraced = try #require(tracer.finishedSpans.last)
        #expect(untraced.operationName == "run/tasks.leaf" && untraced.traceID != spans[0].traceID)
        #expect(untraced.parentSpanID == nil)
    }

    @Test func eachTryIsTheChildOfTheOneBefore() async throws {
        try await withTestCelery(middleware: middleware) {
            TaskHandler(named: "tasks.flaky") { context, _, _ in
                guard context.retries == 1 else { throw Retry(after: .zero, because: Failure()) }
                return nil
            }
        } _: { client in
            _ = try await client.enqueue(named: "tasks.flaky").value()
        }
        let sent = tracer.finishedSpans.filter { $0.operationName == "apply_async/tasks.flaky" }
        let tries = tracer.finishedSpans.filter { $0.operationName == "run/tasks.flaky" }
        #expect(sent.count == 2 && tries.count == 2)
        // The first may end after the second: the client hears of it whenever it comes to run.
        let first = try #require(sent.first { $0.parentSpanID == nil })
        let again = try #require(sent.first { $0.parentSpanID != nil })
        #expect(tries[0].parentSpanID == first.spanID && again.parentSpanID == tries[0].spanID)
        #expect(tries[1].parentSpanID == again.spanID)
        #expect(tries[0].attributes.get("celery.state") == .string("RETRY"))
        #expect(tries[0].attributes.get("celery.retry.reason") != nil && tries[0].status == nil)
        #expect(tries[1].attributes.get("celery.retries") == .int64(1))
    }

    @Test func spansHaveTheAttributesOfPythonsInstrumentation() async throws {
        let handle = try await withTestCelery(middleware: middleware) {
            TaskHandler(named: "tasks.any") { _, _, _ in nil }
        } _: { client in
            let handle = try await client.enqueue(named: "tasks.any")
            _ = try await handle.value()
            return handle
        }
        let sent = try span("apply_async/tasks.any").attributes
        #expect(sent.get("celery.action") == .string("apply_async"))
        let ran = try span("run/tasks.any").attributes
        #expect(ran.get("celery.action") == .string("run") && ran.get("celery.state") == .string("SUCCESS"))
        #expect(ran.get("messaging.conversation_id") == .string(handle.id) && ran.get("celery.hostname") != nil)
        for attributes in [sent, ran] {
            #expect(attributes.get("celery.task_name") == .string("tasks.any"))
            #expect(attributes.get("messaging.message.id") == .string(handle.id))
            #expect(attributes.get("messaging.destination") == .string("celery"))
        }
    }

    @Test func aFailureIsAnErrorOfItsSpan() async throws {
        let replay = try Replay(middleware: middleware) {
            TaskHandler(named: "tasks.fail") { _, _, _ in throw TaskFailure(type: "ValueError", message: "boom") }
        }
        _ = try await replay.run(Signature<JSONValue>(task: "tasks.fail"))
        let span = try span("run/tasks.fail")
        #expect(span.status == SpanStatus(code: .error, message: "boom") && span.errors.count == 1)
        #expect(span.attributes.get("celery.state") == .string("FAILURE"))
    }

    @Test func aSendingThatFailsIsAnErrorOfItsSpan() async throws {
        let refusing = ProbeMiddleware(onSend: { _, _ in throw Failure() })
        let client = try CeleryClient(broker: .memory, middleware: middleware + [refusing], logger: Bench.logger)
        await #expect(throws: Failure.self) { try await client.enqueue(named: "tasks.any") }
        #expect(try span("apply_async/tasks.any").status?.code == .error)
    }

    @Test func theTracerOfTheTimeIsUsedAndWithoutOneNothingIsDone() async throws {
        let headers = Notes<JSONObject>()
        let probe = ProbeMiddleware(onSend: { task, _ in
            headers.add(task.headers)
            throw Failure()
        })
        let client = try CeleryClient(broker: .memory, middleware: [TracingMiddleware(), probe], logger: Bench.logger)
        await #expect(throws: Failure.self) { try await client.enqueue(named: "tasks.any") }
        #expect(try await headers.next()[InMemoryTracer.traceIDKey] == nil)
        await withTracer(tracer) {
            _ = await #expect(throws: Failure.self) { try await client.enqueue(named: "tasks.any") }
        }
        #expect(try await headers.next()[InMemoryTracer.traceIDKey] != nil)
    }
}
