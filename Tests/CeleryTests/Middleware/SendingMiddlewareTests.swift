import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct SendingMiddlewareTests {
    private struct Refusal: Error {}

    private func client(_ middleware: any CeleryMiddleware...) throws -> (client: CeleryClient, broker: MemoryBroker) {
        let broker = MemoryBroker()
        let client = try CeleryClient(
            broker: broker, backend: MemoryResultBackend(), middleware: middleware, logger: Bench.logger)
        return (client, broker)
    }

    @Test func theFirstIsTheOutermost() async throws {
        let notes = Notes<String>()
        func probe(_ name: String) -> ProbeMiddleware {
            ProbeMiddleware(onSend: { task, next in
                notes.add("\(name) before")
                var task = task
                task.headers["seen"] = .string((task.headers["seen"]?.stringValue ?? "") + name)
                try await next(task)
                notes.add("\(name) after")
            })
        }
        let (client, broker) = try client(probe("a"), probe("b"))
        try await client.enqueue(named: "tasks.any", options: SendOptions(headers: ["seen": "-"]))
        #expect(try await notes.next(4) == ["a before", "b before", "b after", "a after"])
        let envelope = try #require(broker.envelopes(in: "celery").first)
        let message = try KombuEnvelope.decode(envelope)
        #expect(message.headers["seen"] == "-ab")
    }

    @Test func aCallIsSeenWithItsNameItsIdAndItsMessage() async throws {
        let seen = Notes<OutgoingTask>()
        let (client, broker) = try client(
            ProbeMiddleware(onSend: { task, next in
                seen.add(task)
                var task = task
                task.destination = Destination(queue: "elsewhere")
                try await next(task)
            }))
        let handle = try await client.enqueue(named: "tasks.any", arguments: [1])
        let task = try await seen.next()
        #expect((task.task, task.id, task.purpose) == ("tasks.any", handle.id, .call) && task.parent == nil)
        #expect(try TaskPayload(task.message).args == [1] && task.destination.queue?.name == "celery")
        #expect(broker.envelopes(in: "celery").isEmpty && broker.envelopes(in: "elsewhere").count == 1)
    }

    @Test func whatItThrowsIsTheCallers() async throws {
        let (client, broker) = try client(ProbeMiddleware(onSend: { _, _ in throw Refusal() }))
        await #expect(throws: Refusal.self) { try await client.enqueue(named: "tasks.any") }
        #expect(broker.envelopes(in: "celery").isEmpty)
    }

    @Test func theErrorOfTheBrokerPassesThroughIt() async throws {
        var broker = RecordingBroker()
        broker.takes = { _ in throw TransportError(.refused, "no") }
        let seen = Notes<String>()
        let probe = ProbeMiddleware(onSend: { task, next in
            do {
                try await next(task)
            } catch {
                seen.add("\(error)")
                throw error
            }
        })
        let client = try CeleryClient(broker: broker, middleware: [probe], logger: Bench.logger)
        await #expect(throws: TransportError.self) { try await client.enqueue(named: "tasks.any") }
        #expect(try await seen.next() == "no")
    }

    @Test func aTaskThatIsKeptBackInSilenceIsAnError() async throws {
        let (client, broker) = try client(ProbeMiddleware(onSend: { _, _ in }))
        let error = await #expect(throws: CeleryError.self) { try await client.enqueue(named: "tasks.any") }
        #expect(error?.code == .notSent && broker.envelopes(in: "celery").isEmpty)
    }

    @Test func anIdThatIsChangedIsAnError() async throws {
        let (client, broker) = try client(
            ProbeMiddleware(onSend: { task, next in
                var task = task
                task.headers["id"] = "other"
                try await next(task)
            }))
        let error = await #expect(throws: CeleryError.self) { try await client.enqueue(named: "tasks.any") }
        #expect(error?.code == .invalidArgument && broker.envelopes(in: "celery").isEmpty)
    }

    @Test func aConnectionThatBreaksMeanwhileIsNothingToIt() async throws {
        var broker = RecordingBroker()
        let tries = Counter()
        broker.takes = { _ in if tries.next() == 1 { throw TransportError(.connectionLost, "gone") } }
        let passed = Counter()
        let probe = ProbeMiddleware(onSend: { task, next in
            passed.next()
            try await next(task)
        })
        let client = try CeleryClient(broker: broker, middleware: [probe], logger: Bench.logger)
        try await client.enqueue(named: "tasks.any")
        #expect(tries.total == 2 && passed.total == 1)
    }

    @Test func whatAWorkerSendsPassesToo() async throws {
        let sent = Notes<String>()
        let probe = ProbeMiddleware(onSend: { task, next in
            sent.add("\(task.purpose) \(task.task) of \(task.parent?.task ?? "nobody")")
            try await next(task)
        })
        try await withBench(middleware: [probe]) {
            TaskHandler(named: "tasks.leaf") { _, _, _ in nil }
            TaskHandler(named: "tasks.parent") { context, _, _ in
                guard context.retries == 1 else { throw Retry(after: .zero) }
                try await context.enqueue(named: "tasks.leaf")
                return nil
            }
            TaskHandler(named: "tasks.fail") { _, _, _ in throw Refusal() }
        } _: { bench async throws in
            _ = try await bench.client.enqueue(named: "tasks.parent").value()
            #expect(
                try await sent.next(3) == [
                    "call tasks.parent of nobody", "retry tasks.parent of tasks.parent",
                    "child tasks.leaf of tasks.parent",
                ])
            let leaf = SuccessorTests.signature("tasks.leaf", id: "leaf")
            let chained = SuccessorTests.envelope(
                "tasks.leaf", args: [], embed: ["callbacks": [leaf], "chain": [leaf]])
            bench.broker.memory.push(chained.bytes, to: "celery")
            #expect(try await sent.next(2) == Array(repeating: "successor tasks.leaf of tasks.leaf", count: 2))
            let failing = SuccessorTests.envelope("tasks.fail", args: [], embed: ["errbacks": [leaf]])
            bench.broker.memory.push(failing.bytes, to: "celery")
            #expect(try await sent.next() == "errback tasks.leaf of tasks.fail")
        }
    }

    @Test(arguments: [OutgoingTask.Purpose.successor, .retry])
    func aTaskWhoseFollowerIsKeptBackHasFailed(purpose: OutgoingTask.Purpose) async throws {
        let probe = ProbeMiddleware(onSend: { task, next in
            if task.purpose == purpose { throw Refusal() }
            try await next(task)
        })
        try await withBench(middleware: [probe]) {
            TaskHandler(named: "tasks.any") { context, _, _ in
                if purpose == .retry { throw Retry(after: .zero) }
                return nil
            }
        } _: { bench async throws in
            let next = SuccessorTests.signature("tasks.any", id: "next")
            let envelope = SuccessorTests.envelope("tasks.any", args: [], embed: ["callbacks": [next]])
            bench.broker.memory.push(envelope.bytes, to: "celery")
            let failure = await #expect(throws: TaskFailure.self) {
                _ = try await bench.client.handle(id: "first").value()
            }
            #expect(failure?.description.contains("Refusal") == true)
        }
    }
}
