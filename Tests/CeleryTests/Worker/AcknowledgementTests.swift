import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct AcknowledgementTests {
    struct Failed: Error {}

    /// Stops the worker coldly while a task runs; returns what is back in the queue then.
    func leftBehind(worker: CeleryWorker.Options, task: TaskOptions = .init()) async throws -> Int {
        let broker = RecordingBroker()
        let started = Notes<Void>()
        let gate = Gate()
        let worker = try CeleryWorker(broker: broker, backend: .memory, options: worker, logger: Bench.logger) {
            TaskHandler(named: "tasks.slow", options: task) { _, _, _ in
                started.add(())
                try await gate.pass()
                return 1
            }
        }
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        let running = Task { try await worker.run() }
        try await client.enqueue(named: "tasks.slow")
        try await started.next()
        running.cancel()
        try await running.value
        return broker.memory.envelopes(in: "celery").count
    }

    @Test func anEarlyAcknowledgedTaskIsGoneWhenItIsCancelled() async throws {
        #expect(try await leftBehind(worker: .init()) == 0)
    }

    @Test func aLateAcknowledgedTaskGoesBackWhenItIsCancelled() async throws {
        #expect(try await leftBehind(worker: .init(acksLate: true)) == 1)
    }

    /// A task that ends the whole process is not to do so again and again.
    @Test func whatCameBeforeRunsOnceTheBrokerHasHeardOfIt() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker, options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.told") { _, args, _ in
                var expected: [RecordingBroker.Event] = [.settled(.acknowledge)]
                if args[0] == true { expected.append(.flushed) }
                for expected in expected {
                    var event = try await broker.events.next()
                    while case .prefetchRaised = event { event = try await broker.events.next() }
                    if event != expected { throw Failed() }
                }
                return 1
            }
        } _: { bench async throws in
            for isAgain in [false, true] {
                var envelope = Envelope(
                    headers: ["task": "tasks.told", "id": .string("\(isAgain)")], body: [[.bool(isAgain)], [:], [:]])
                envelope.properties["delivery_info"] = [
                    "exchange": "", "routing_key": "celery", "redelivered": .bool(isAgain),
                ]
                broker.memory.push(envelope.bytes, to: "celery")
            }
            for id in ["false", "true"] { #expect(try await bench.client.handle(id: id).value() == 1) }
        }
    }

    /// The connection may be lost, or somebody restore the message, while the body is read.
    @Test func whatOthersGetBeforeItIsAcknowledgedDoesNotRunHere() async throws {
        let broker = RecordingBroker()
        let ran = Notes<String>()
        for id in ["theirs", "ours"] {
            let envelope = Envelope(headers: ["task": "tasks.note", "id": .string(id)], body: [[], [:], [:]])
            broker.memory.push(envelope.bytes, to: "celery")
        }
        broker.losses.add(1)
        let log = LogLines(.debug)
        try await withBench(broker: broker, options: .init(concurrency: 1), logger: log.logger) {
            TaskHandler(named: "tasks.note") { context, _, _ in
                ran.add(context.request.id)
                return 1
            }
        } _: { bench async throws in
            #expect(try await ran.next() == "ours")
            #expect(try await bench.client.handle(id: "ours").value() == 1)
            #expect(try await bench.client.handle(id: "theirs").status() == .pending)
            #expect(try await broker.settlements.next() == .acknowledge)
        }
        let said = log.lines.filter { $0.contains("Task tasks.note[theirs] ") && $0.hasPrefix("debug") }
        #expect(said.count == 3)
        #expect(said.dropFirst().first?.contains("] started") == true)
        #expect(said.last?.contains("did not start after all: the broker gives its message to others") == true)
    }

    /// Else nothing would tell whose a task was that is lost with its worker.
    @Test(arguments: [false, true])
    func theLogSaysThatATaskStartsBeforeItsMessageIsAcknowledged(acksLate: Bool) async throws {
        var broker = RecordingBroker()
        let log = LogLines(.debug)
        let hasSaid = Notes<Bool>()
        broker.willSettle = { hasSaid.add(log.lines.contains { $0.contains("Task tasks.good[1] started") }) }
        let envelope = Envelope(headers: ["task": "tasks.good", "id": "1"], body: [[], [:], [:]])
        broker.memory.push(envelope.bytes, to: "celery")
        let options = CeleryWorker.Options(concurrency: 1, acksLate: acksLate)
        try await withBench(broker: broker, options: options, logger: log.logger) {
            TaskHandler(named: "tasks.good") { _, _, _ in 1 }
        } _: { _ async throws in
            #expect(try await hasSaid.next())
        }
    }

    @Test func theTasksOwnWishCountsMoreThanTheWorkers() async throws {
        #expect(try await leftBehind(worker: .init(acksLate: true), task: .init(acksLate: false)) == 0)
        #expect(try await leftBehind(worker: .init(), task: .init(acksLate: true)) == 1)
    }

    @Test(
        arguments: [
            (nil, nil, Settlement.acknowledge), (nil, false, .discard), (false, nil, .discard),
            (false, true, .acknowledge), (true, false, .discard),
        ] as [(Bool?, Bool?, Settlement)])
    func aFailureIsAcknowledgedUnlessSaidOtherwise(
        worker: Bool?, task: Bool?, expected: Settlement
    ) async throws {
        var options = CeleryWorker.Options(concurrency: 1, acksLate: true)
        if let worker { options.acksOnFailure = worker }
        try await withBench(options: options) {
            TaskHandler(named: "tasks.fail", options: .init(acksOnFailure: task)) { _, _, _ in throw Failed() }
        } _: { bench async throws in
            let handle = try await bench.client.enqueue(named: "tasks.fail")
            #expect(try await bench.broker.settlements.next() == expected)
            // Whatever becomes of the message: the result was stored before.
            #expect(try await handle.status() == .failure)
        }
    }

    @Test func aLateMessageIsAcknowledgedAfterItsResultIsStored() async throws {
        let stored = Notes<TaskState?>()
        let broker = RecordingBroker()
        let backend = MemoryResultBackend()
        try await withBench(broker: broker, backend: backend, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.good") { _, _, _ in 1 }
        } _: { bench async throws in
            let handle = try await bench.client.enqueue(named: "tasks.good")
            #expect(try await broker.settlements.next() == .acknowledge)
            stored.add(try await handle.result()?.state)
            #expect(try await stored.next() == .success)
        }
    }
}
