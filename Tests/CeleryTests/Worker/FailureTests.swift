import Celery
import CeleryProtocol
import CeleryTransport
import ServiceLifecycle
import TestSupport
import Testing

/// What a failure entails, whichever way a task has failed.
@Suite(.timeLimit(.minutes(1))) struct FailureTests {
    /// A workflow after the task: two steps, the first of which goes on to the second.
    static let chain: JSONValue = [
        SuccessorTests.signature("tasks.add", [1], id: "c"), SuccessorTests.signature("tasks.add", [1], id: "b"),
    ]
    static let errback = SuccessorTests.signature("tasks.told", id: "told", options: ["queue": "other"])

    /// Refuses the messages of these tasks.
    static func broker(refusing ids: Set<String>) -> RecordingBroker {
        var broker = RecordingBroker()
        broker.takes = { message in
            if let id = message.headers["id"]?.stringValue, ids.contains(id) {
                throw TransportError(.rejected, "the queue is full")
            }
        }
        return broker
    }

    /// Runs a message to its end and returns the failures of the tasks of these ids.
    func failures(
        of ids: [String] = ["first", "b", "c"], _ envelope: Envelope, broker: RecordingBroker = RecordingBroker(),
        options: CeleryWorker.Options = .init(concurrency: 1), settlement: Settlement,
        _ body: @escaping @Sendable () throws -> JSONValue
    ) async throws -> [TaskFailure?] {
        try await withBench(broker: broker, options: options) {
            TaskHandler(named: "tasks.add") { _, _, _ in try body() }
        } _: { bench async throws in
            #expect(try await bench.settlement(of: envelope.bytes) == settlement)
            await #expect(throws: TaskFailure.self) { try await bench.client.handle(id: "first").value() }
            // The results after the first one, and the errbacks, are there when the worker has ended.
            await bench.services.triggerGracefulShutdown()
            while try await broker.events.next() != .closed {}
            var failures: [TaskFailure?] = []
            for id in ids { failures.append(try await bench.client.handle(id: id).result()?.failure) }
            return failures
        }
    }

    @Test(arguments: [(false, Settlement.acknowledge), (true, .discard)])
    func aRetryThatIsNotTakenIsAFailure(acksLate: Bool, settlement: Settlement) async throws {
        let broker = Self.broker(refusing: ["first"])
        let envelope = SuccessorTests.envelope(embed: ["chain": Self.chain, "errbacks": [Self.errback]])
        let failures = try await failures(
            envelope, broker: broker, options: .init(concurrency: 1, acksLate: acksLate), settlement: settlement
        ) { throw Retry(after: .zero) }
        for failure in failures {
            #expect(failure?.type == "Reject")
            #expect(failure?.message.contains("the queue is full") == true)
        }
        #expect(broker.memory.envelopes(in: "other").count == 1)
    }

    /// The tries of a worker that ends take some seconds.
    @Test func aRetryIsTriedAsLongAsTheWorkerRunsAndHoldsUpNobodyElse() async throws {
        var broker = RecordingBroker()
        let sent = Notes<Void>()
        broker.takes = { message in
            guard message.headers["retries"] == 1 else { return }
            sent.add(())
            throw TransportError(.unreachable, "nobody there")
        }
        let backend = MemoryResultBackend()
        let task = try await withBench(broker: broker, backend: backend, options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.echo") { _, args, _ in
                if args.isEmpty { throw Retry(after: .zero) }
                return args[0]
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.echo")
            try await sent.next()
            #expect(try await bench.client.enqueue(named: "tasks.echo", arguments: [1]).value() == 1)
            #expect(try await task.status() == .retry)
            return task
        }
        let failure = await #expect(throws: TaskFailure.self) { try await task.value() }
        #expect(failure?.type == "Reject")
    }

    @Test func successorsThatAreNotTakenAreAFailure() async throws {
        let broker = Self.broker(refusing: ["b"])
        let callback = SuccessorTests.signature("tasks.told", id: "callback", options: ["queue": "other"])
        let envelope = SuccessorTests.envelope(embed: [
            "chain": Self.chain, "callbacks": [callback], "errbacks": [Self.errback],
        ])
        let backend = MemoryResultBackend()
        let options = CeleryWorker.Options(concurrency: 1, acksLate: true, acksOnFailure: false)
        try await withBench(broker: broker, backend: backend, options: options) {
            TaskHandler(named: "tasks.add") { _, _, _ in 1 }
        } _: { bench async throws in
            #expect(try await bench.settlement(of: envelope.bytes) == .discard)
            for id in ["first", "b", "c"] {
                #expect(try await bench.client.handle(id: id).result()?.failure?.type == "OperationalError")
            }
            // What was sent is a child, what was not is none.
            let children = try await bench.client.handle(id: "first").result()?.children
            #expect(children == [[["callback", nil], nil]])
            #expect(try bench.envelopes(in: "other").map { $0.headers["id"] } == ["callback", "told"])
        }
    }

    @Test func successorsThatCannotBeMadeAreAFailure() async throws {
        let chain: JSONValue = [
            SuccessorTests.signature("tasks.add", id: "c"),
            SuccessorTests.signature("tasks.add", id: "b", options: ["eta": "tomorrow"]),
        ]
        let failures = try await failures(
            SuccessorTests.envelope(embed: ["chain": chain]),
            options: .init(concurrency: 1, acksLate: true, acksOnFailure: false), settlement: .discard
        ) { 1 }
        #expect(failures.map { $0?.message.contains("tomorrow") } == [true, true, true])
    }

    @Test func rejectEndsTheChain() async throws {
        let broker = RecordingBroker()
        let failures = try await failures(
            SuccessorTests.envelope(embed: ["chain": Self.chain, "errbacks": [Self.errback]]), broker: broker,
            options: .init(concurrency: 1, acksLate: true), settlement: .discard
        ) { throw Reject(reason: "not for me") }
        for failure in failures { #expect(failure?.description == "Reject('not for me', False)") }
        #expect(broker.memory.envelopes(in: "other").count == 1)
    }

    @Test func aWorkflowThatIsRefusedFailsAsAWhole() async throws {
        let chord: JSONValue = [
            "task": "celery.chord", "subtask_type": "chord",
            "kwargs": ["header": 5, "body": SuccessorTests.signature("tasks.add", id: "body")],
        ]
        let last = SuccessorTests.signature("tasks.add", id: "last")
        let nameless = SuccessorTests.signature("tasks.add")
        let failures = try await failures(
            of: ["first", "body", "last"], SuccessorTests.envelope(embed: ["chain": [last, nameless, chord]]),
            settlement: .deadLetter(reason: "invalid tasks of a signature value 5")
        ) { 1 }
        #expect(failures.map { $0?.type } == Array(repeating: "InvalidTaskError", count: 3))
    }

    @Test func nothingIsStoredForStepsWhenResultsAreIgnored() async throws {
        let ignored = SuccessorTests.signature("tasks.add", [1], id: "b", options: ["ignore_result": true])
        try await withBench(options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.add") { _, _, _ in throw TaskFailure(type: "ValueError", message: "boom") }
        } _: { bench async throws in
            let quiet = SuccessorTests.envelope(headers: ["ignore_result": true], embed: ["chain": Self.chain])
            #expect(try await bench.settlement(of: quiet.bytes) == .acknowledge)
            #expect(try await bench.client.handle(id: "c").status() == .pending)
            let step = SuccessorTests.envelope(embed: ["chain": [ignored]])
            #expect(try await bench.settlement(of: step.bytes) == .acknowledge)
            #expect(try await bench.client.handle(id: "first").status() == .failure)
            #expect(try await bench.client.handle(id: "b").status() == .pending)
        }
    }

    @Test func errbacksAreSentWhenTheFailureCanBeRead() async throws {
        let order = Notes<String>()
        var broker = RecordingBroker()
        broker.takes = { message in
            if message.headers["id"] == "told" { order.add("sent") }
        }
        let backend = FailingBackend(takes: { result in order.add("\(result.id) stored") })
        try await withBench(broker: broker, backend: backend, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.add") { _, _, _ in throw TaskFailure(type: "ValueError", message: "boom") }
        } _: { bench async throws in
            let chain: JSONValue = [SuccessorTests.signature("tasks.add", id: "b")]
            let envelope = SuccessorTests.envelope(embed: ["chain": chain, "errbacks": [Self.errback]])
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            #expect(try await order.next(3) == ["first stored", "b stored", "sent"])
        }
    }

    @Test func anErrbackThatCannotBeSentDoesNotHideTheFailure() async throws {
        let broker = Self.broker(refusing: ["full"])
        let errbacks: JSONValue = [
            SuccessorTests.signature("tasks.told", id: "wrong", options: ["eta": "tomorrow", "queue": "other"]),
            SuccessorTests.signature("tasks.told", id: "full", options: ["queue": "other"]), Self.errback,
        ]
        let failures = try await failures(
            of: ["first"], SuccessorTests.envelope(embed: ["errbacks": errbacks]), broker: broker,
            settlement: .acknowledge
        ) { throw TaskFailure(type: "ValueError", message: "boom") }
        #expect(failures.map { $0?.description } == ["ValueError('boom')"])
        #expect(broker.memory.envelopes(in: "other").count == 1)
    }
}
