import Celery
import CeleryIO
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import Instrumentation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct RunningMiddlewareTests {
    private struct Refusal: Error {}

    private enum NoteKey: ServiceContextKey { typealias Value = String }

    private func replay(
        _ middleware: any CeleryMiddleware..., retry: RetryPolicy = .manual(),
        body: @escaping @Sendable (TaskContext, [JSONValue]) async throws -> JSONValue = { _, args in .array(args) }
    ) throws -> Replay {
        try Replay(middleware: middleware) {
            TaskHandler(named: "tasks.any", retry: retry) { context, args, _ in try await body(context, args) }
        }
    }

    private static let call = Signature<JSONValue>(task: "tasks.any", arguments: [1])

    @Test func theFirstIsTheOutermost() async throws {
        let notes = Notes<String>()
        func probe(_ name: String) -> ProbeMiddleware {
            ProbeMiddleware(onRun: { task, next in
                notes.add("\(name) before")
                var task = task
                task.arguments.append(.string(name))
                task.keywords["last"] = .string(name)
                let outcome = await next(task)
                notes.add("\(name) after")
                return outcome
            })
        }
        let outcome = try await replay(probe("a"), probe("b")) { _, args in
            notes.add("handler")
            return .array(args)
        }.run(Self.call)
        #expect(outcome == .success([1, "a", "b"]))
        #expect(try await notes.next(5) == ["a before", "b before", "handler", "b after", "a after"])
    }

    @Test func itSeesHowTheTaskHasEnded() async throws {
        let outcomes = Notes<Replay.Outcome>()
        let probe = ProbeMiddleware(onRun: { task, next in
            let outcome = await next(task)
            switch outcome {
            case .success(let value): outcomes.add(.success(value))
            case .failure(let failure): outcomes.add(.failure(failure))
            case .retry(let countdown, let reason, _): outcomes.add(.retry(after: countdown, reason: reason))
            default: outcomes.add(.ignored)
            }
            return outcome
        })
        let replay = try replay(probe) { context, args in
            switch context.retries {
            case 0: throw Retry(after: .seconds(3))
            case 1: throw TaskFailure(type: "ValueError", message: "boom")
            default: return 1
            }
        }
        for retries in 0...2 {
            var request = TaskRequest(task: "tasks.any", id: "x")
            request.retries = retries
            let outcome = try await replay.run(Self.call, as: request)
            #expect(try await outcomes.next() == outcome)
        }
    }

    @Test func whatItThrowsIsAsIfTheHandlerHadThrownIt() async throws {
        func outcome(throwing error: any Error, after ran: Bool = false) async throws -> Replay.Outcome {
            try await replay(
                ProbeMiddleware(onRun: { task, next in
                    if ran { _ = await next(task) }
                    throw error
                }), retry: .automatic(on: CancellationError.self, maxRetries: 1)
            ).run(Self.call)
        }
        for ran in [false, true] {
            guard case .failure(let failure) = try await outcome(throwing: Refusal(), after: ran) else {
                Issue.record("it has not failed")
                return
            }
            #expect(
                failure.type == "RunningMiddlewareTests.Refusal" && failure.traceback?.contains("tasks.any") == true)
        }
        #expect(try await outcome(throwing: Ignore()) == .ignored)
        #expect(try await outcome(throwing: Reject(requeue: true)) == .rejected(requeue: true))
        #expect(try await outcome(throwing: Retry(after: .seconds(2))) == .retry(after: .seconds(2), reason: nil))
        guard case .retry = try await outcome(throwing: CancellationError()) else {
            Issue.record("the handler's own policy does not count")
            return
        }
    }

    @Test func itsOutcomeCountsMoreThanTheHandlers() async throws {
        let probe = ProbeMiddleware(onRun: { _, _ in .success("cached") })
        let outcome = try await replay(probe) { _, _ in throw Refusal() }.run(Self.call)
        #expect(outcome == .success("cached"))
    }

    @Test func theOuterOneSeesWhatTheInnerOneThrows() async throws {
        let seen = Notes<Bool>()
        let outer = ProbeMiddleware(onRun: { task, next in
            let outcome = await next(task)
            if case .failure(let failure) = outcome { seen.add(failure.type.hasSuffix("Refusal")) }
            return outcome
        })
        _ = try await replay(outer, ProbeMiddleware(onRun: { _, _ in throw Refusal() })).run(Self.call)
        #expect(try await seen.next())
    }

    @Test func eachTryPasses() async throws {
        let tries = Notes<Int>()
        let probe = ProbeMiddleware(onRun: { task, next in
            tries.add(task.context.retries)
            return await next(task)
        })
        try await withTestCelery(middleware: [probe]) {
            TaskHandler(named: "tasks.flaky") { context, _, _ in
                guard context.retries == 2 else { throw Retry(after: .zero) }
                return .integer(context.retries)
            }
        } _: { client in
            let tries = try await client.enqueue(named: "tasks.flaky").value()
            #expect(tries == 2)
        }
        #expect(try await tries.next(3) == [0, 1, 2])
    }

    @Test func aTaskInAWorkerHasWaitedAndOneInAReplayHasNot() async throws {
        let waits = Notes<Duration?>()
        let probe = ProbeMiddleware(onRun: { task, next in
            waits.add(task.waited)
            return await next(task)
        })
        try await withTestCelery(middleware: [probe]) {
            TaskHandler(named: "tasks.any") { _, _, _ in nil }
        } _: { client in
            _ = try await client.enqueue(named: "tasks.any").value()
        }
        let waited = try #require(try await waits.next())
        #expect(waited > .zero)
        _ = try await replay(probe).run(Self.call)
        #expect(try await waits.next() == nil)
    }

    /// Whatever it makes of the cancellation: the message comes back.
    @Test(arguments: [false, true])
    func aTaskThatIsCancelledIsInterruptedWhateverItThrows(throwing: Bool) async throws {
        let broker = RecordingBroker()
        let backend = MemoryResultBackend()
        let started = Notes<Void>()
        let interrupted = Notes<Bool>()
        let probe = ProbeMiddleware(onRun: { task, next in
            let outcome = await next(task)
            if case .interrupted = outcome { interrupted.add(true) } else { interrupted.add(false) }
            if throwing { throw Refusal() }
            return outcome
        })
        let worker = try CeleryWorker(
            broker: broker, backend: backend, options: .init(acksLate: true), middleware: [probe], logger: Bench.logger
        ) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                started.add(())
                try await Gate().pass()
                return 1
            }
        }
        let client = try CeleryClient(broker: broker, backend: backend, logger: Bench.logger)
        let running = Task { try await worker.run() }
        let task = try await client.enqueue(named: "tasks.slow")
        try await started.next()
        running.cancel()
        #expect(try await interrupted.next())
        try await running.value
        #expect(try await task.status() == .pending)
        #expect(broker.memory.envelopes(in: "celery").count == 1)
    }

    @Test func anInterruptionThatIsMadeUpIsAFailure() async throws {
        let outcome = try await replay(ProbeMiddleware(onRun: { _, _ in .interrupted })).run(Self.call)
        guard case .failure(let failure) = outcome else {
            Issue.record("nothing would follow from \(outcome)")
            return
        }
        #expect(failure.type == "CeleryError")
    }

    @Test func theContextThatItBindsIsThereForAllThatComesOfTheTask() async throws {
        let seen = Notes<String>()
        let probe = ProbeMiddleware(
            onSend: { task, next in
                seen.add("\(task.purpose) \(ServiceContext.current?[NoteKey.self] ?? "without")")
                try await next(task)
            },
            onRun: { task, next in
                var context = ServiceContext.current ?? .topLevel
                context[NoteKey.self] = "try \(task.context.retries)"
                return await ServiceContext.withValue(context) { await next(task) }
            })
        try await withBench(middleware: [probe, ProbeMiddleware()]) {
            TaskHandler(named: "tasks.leaf") { _, _, _ in nil }
            TaskHandler(named: "tasks.parent") { context, _, _ in
                guard context.retries == 1 else { throw Retry(after: .zero) }
                try await context.enqueue(named: "tasks.leaf", options: SendOptions(queue: "nobodys"))
                return .string(ServiceContext.current?[NoteKey.self] ?? "without")
            }
        } _: { bench async throws in
            let leaf = SuccessorTests.signature("tasks.leaf", id: "leaf", options: ["queue": "nobodys"])
            bench.broker.memory.push(
                SuccessorTests.envelope("tasks.parent", args: [], embed: ["callbacks": [leaf]]).bytes, to: "celery")
            #expect(try await bench.client.handle(id: "first").value() == "try 1")
            #expect(try await seen.next(3) == ["retry try 0", "child try 1", "successor try 1"])
        }
    }

    @Test func whatHappensToTasksIsObserved() async throws {
        let events = Notes<String>()
        let probe = ProbeMiddleware(onEvent: { event in
            switch event {
            case .received(let request, let queue): events.add("received \(request.id) from \(queue)")
            case .expired(let request): events.add("expired \(request.id)")
            case .revoked(let request): events.add("revoked \(request.id)")
            case .terminated(let request, let signal): events.add("terminated \(request.id) \(signal)")
            case .refused(let task, let id, _): events.add("refused \(task ?? "-") \(id ?? "-")")
            case .reconnected: events.add("reconnected")
            case .started(let request): events.add("started \(request.id)")
            case .ended(let request, let outcome, _):
                if case .success = outcome { events.add("succeeded \(request.id)") }
            }
        })
        try await withBench(middleware: [probe]) {
            TaskHandler(named: "tasks.echo") { _, _, _ in nil }
        } _: { bench async throws in
            _ = try await bench.settlement(of: Envelope().bytes)
            let run = ["received the-id from celery", "started the-id", "succeeded the-id"]
            #expect(try await events.next(3) == run)
            _ = try await bench.settlement(
                of: Envelope(headers: ["task": "tasks.echo", "id": "old", "expires": "2001-01-01T00:00:00"]).bytes)
            #expect(try await events.next() == "expired old")
            _ = try await bench.settlement(of: Envelope(headers: ["task": "tasks.other", "id": "odd"]).bytes)
            #expect(try await events.next() == "refused tasks.other odd")
            _ = try await bench.settlement(of: Envelope(body: 5).bytes)
            #expect(try await events.next(2) == ["received the-id from celery", "refused tasks.echo the-id"])
        }
    }
}
