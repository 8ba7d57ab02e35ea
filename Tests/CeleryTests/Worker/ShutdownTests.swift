import Celery
import CeleryIO
import CeleryProtocol
import CeleryTransport
import ServiceLifecycle
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ShutdownTests {
    @Test func aWarmShutdownLetsRunningTasksFinishAndGivesTheRestBack() async throws {
        let broker = RecordingBroker()
        let backend = MemoryResultBackend()
        let started = Notes<JSONValue>()
        let gate = Gate()
        try await withBench(broker: broker, backend: backend, options: .init(concurrency: 1, prefetchMultiplier: 4)) {
            TaskHandler(named: "tasks.slow") { _, args, _ in
                started.add(args[0])
                if args[0] == 0 { try await gate.pass() }
                return args[0]
            }
        } _: { bench async throws in
            var tasks: [TaskHandle<JSONValue>] = []
            for number in 0..<10 {
                tasks.append(try await bench.client.enqueue(named: "tasks.slow", arguments: [.integer(number)]))
            }
            #expect(try await started.next() == 0)
            await bench.services.triggerGracefulShutdown()
            while try await broker.events.next() != .stopped {}
            gate.open()
            while try await broker.events.next() != .closed {}
            #expect(try await tasks[0].value() == 0)
            // All others, in their order; the one after the first may have been about to start.
            let left = try bench.envelopes().map { try TaskPayload($0).args[0] }
            #expect(left.count >= 8)
            #expect(left == (10 - left.count...9).map { .integer($0) })
            #expect(try await tasks[9].status() == .pending)
        }
    }

    @Test func aColdShutdownCancelsRunningTasks() async throws {
        let broker = RecordingBroker()
        let backend = MemoryResultBackend()
        let notes = Notes<String>()
        let worker = try CeleryWorker(
            broker: broker, backend: backend, options: .init(concurrency: 2, acksLate: true), logger: Bench.logger
        ) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                notes.add("started")
                do {
                    try await Gate().pass()
                } catch {
                    notes.add("cancelled")
                    throw error
                }
                return 1
            }
        }
        let client = try CeleryClient(broker: broker, backend: backend, logger: Bench.logger)
        let running = Task { try await worker.run() }
        let task = try await client.enqueue(named: "tasks.slow")
        #expect(try await notes.next() == "started")
        running.cancel()
        #expect(try await notes.next() == "cancelled")
        try await running.value
        #expect(try await task.status() == .pending)
        #expect(broker.memory.envelopes(in: "celery").count == 1)
    }

    /// With early acknowledgement nothing that has started comes back: so nothing must start any more.
    @Test(arguments: [false, true])
    func nothingStartsWhileTheBrokerIsToldToStop(isCold: Bool) async throws {
        var broker = RecordingBroker()
        let stopGate = Gate()
        broker.stopGate = stopGate
        let (notes, gate) = (Notes<String>(), Gate())
        let options = CeleryWorker.Options(concurrency: 1, prefetchMultiplier: 6)
        let worker = try CeleryWorker(broker: broker, options: options, logger: Bench.logger) {
            TaskHandler(named: "tasks.slow") { _, _, _ in
                notes.add("started")
                defer { notes.add("ended") }
                try await gate.pass()
                return 1
            }
        }
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        for _ in 0..<5 { try await client.enqueue(named: "tasks.slow") }
        let services = ServiceGroup(configuration: .init(services: [.init(service: worker)], logger: Bench.logger))
        let running = Task { try await services.run() }
        #expect(try await notes.next() == "started")
        if isCold { running.cancel() } else { await services.triggerGracefulShutdown() }
        try await broker.stopping.next()
        gate.open()
        #expect(try await notes.next() == "ended")
        for _ in 0..<100 { await Task.yield() }
        stopGate.open()
        try await running.value
        notes.add("over")
        #expect(try await notes.next() == "over")
        #expect(broker.memory.envelopes(in: "celery").count == 4)
    }

    /// Runs a message on a worker that is stopped coldly meanwhile; the task ends as `body` says in spite of it.
    func coldShutdown(
        during envelope: Envelope, backend: any ResultBackend = MemoryResultBackend(),
        _ body: @escaping @Sendable () throws -> JSONValue
    ) async throws -> RecordingBroker {
        let broker = RecordingBroker()
        let started = Notes<Void>()
        let options = CeleryWorker.Options(concurrency: 1, acksLate: true)
        let worker = try CeleryWorker(broker: broker, backend: backend, options: options, logger: Bench.logger) {
            TaskHandler(named: "tasks.add") { _, _, _ in
                started.add(())
                do { try await Gate().pass() } catch { return try body() }
                return "never"
            }
        }
        broker.memory.push(envelope.bytes, to: "celery")
        let running = Task { try await worker.run() }
        try await started.next()
        running.cancel()
        try await running.value
        return broker
    }

    @Test func whatFollowsATaskIsSentWhileTheWorkerIsBeingCancelled() async throws {
        let callback = SuccessorTests.signature("tasks.add", id: "next", options: ["queue": "other"])
        var envelope = SuccessorTests.envelope(embed: ["callbacks": [callback]])
        envelope.properties["reply_to"] = "replies"
        let broker = try await coldShutdown(during: envelope, backend: RPCResultBackend()) { 3 }
        #expect(broker.memory.envelopes(in: "other").count == 1)
        let reply = try KombuEnvelope.decode(try #require(broker.memory.envelopes(in: "replies").first))
        #expect(try TaskResult(encoded: reply.body).state == .success)
        #expect(broker.memory.envelopes(in: "celery").isEmpty)
    }

    @Test func aRetryIsSentOnceWhileTheWorkerIsBeingCancelled() async throws {
        let broker = try await coldShutdown(during: SuccessorTests.envelope(embed: [:])) { throw Retry(after: .zero) }
        let messages = try broker.memory.envelopes(in: "celery").map { try KombuEnvelope.decode($0) }
        #expect(messages.map { $0.headers["retries"] } == [1])
    }

    /// As a client library might wrap its cancellation.
    @Test func anErrorOfACancelledTaskIsNotItsFailure() async throws {
        let backend = MemoryResultBackend()
        let broker = try await coldShutdown(during: SuccessorTests.envelope(embed: [:]), backend: backend) {
            throw TaskFailure(type: "IOError", message: "the request was aborted")
        }
        #expect(broker.memory.envelopes(in: "celery").count == 1)
        let client = try CeleryClient(broker: broker, backend: backend, logger: Bench.logger)
        #expect(try await client.handle(id: "first").status() == .pending)
    }

    @Test func aSecondRunOfAWorkerIsRefused() async throws {
        let broker = RecordingBroker()
        broker.failures.add(TransportError(.refused, "no access"))
        let worker = try CeleryWorker(broker: broker, logger: Bench.logger) {}
        await #expect(throws: TransportError.self) { try await worker.run() }
        let error = await #expect(throws: CeleryError.self) { try await worker.run() }
        #expect(error?.code == .alreadyRun)
    }

    /// What a task makes of its cancellation is its own affair.
    @Test func aTaskThatFinishesInSpiteOfItsCancellationHasAResult() async throws {
        let broker = RecordingBroker()
        let backend = MemoryResultBackend()
        let started = Notes<Void>()
        let worker = try CeleryWorker(
            broker: broker, backend: backend, options: .init(acksLate: true), logger: Bench.logger
        ) {
            TaskHandler(named: "tasks.stubborn") { _, _, _ in
                started.add(())
                do { try await Gate().pass() } catch { return "in spite of it" }
                return "never"
            }
        }
        let client = try CeleryClient(broker: broker, backend: backend, logger: Bench.logger)
        let running = Task { try await worker.run() }
        let task = try await client.enqueue(named: "tasks.stubborn")
        try await started.next()
        running.cancel()
        try await running.value
        #expect(try await task.value() == "in spite of it")
        #expect(broker.memory.envelopes(in: "celery").isEmpty)
    }

    @Test func anIdleWorkerEndsAtOnce() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { _ in
        }
        while try await broker.events.next() != .stopped {}
        #expect(try await broker.events.next() == .closed)
    }

    @Test func aRefusalEndsTheWorkerWithTheBrokersError() async throws {
        let broker = RecordingBroker()
        broker.failures.add(TransportError(.refused, "no access"))
        let worker = try CeleryWorker(broker: broker, logger: Bench.logger) {}
        let error = await #expect(throws: TransportError.self) { try await worker.run() }
        #expect(error?.code == .refused)
    }

    @Test func aBrokerOutOfReachIsTriedAgain() async throws {
        let broker = RecordingBroker()
        broker.failures.add(TransportError(.unreachable, "nobody there"))
        broker.failures.add(TransportError(.connectionLost, "gone at once"))
        try await withBench(broker: broker) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.echo").value() == 1)
        }
    }

    @Test func whatWasHeldOverALostConnectionRunsOnTheNextOne() async throws {
        let broker = RecordingBroker()
        let started = Notes<JSONValue>()
        let second = Counter()
        let gate = Gate()
        try await withBench(broker: broker, options: .init(concurrency: 1, prefetchMultiplier: 3, acksLate: true)) {
            TaskHandler(named: "tasks.slow") { _, args, _ in
                if args[0] == 1 { second.next() }
                started.add(args[0])
                if args[0] == 0 { try await gate.pass() }
                return args[0]
            }
        } _: { bench async throws in
            let first = try await bench.client.enqueue(named: "tasks.slow", arguments: [0])
            #expect(try await started.next() == 0)
            broker.failures.add(TransportError(.connectionLost, "pulled the plug"))
            let other = try await bench.client.enqueue(named: "tasks.slow", arguments: [1])
            let waiting = try await bench.client.enqueue(
                named: "tasks.slow", arguments: [2], options: .init(countdown: .seconds(3600)))
            while try await broker.events.next() != .opened(prefetch: 3) {}
            gate.open()
            #expect(try await first.value() == 0)
            #expect(try await other.value() == 1)
            #expect(try await waiting.status() == .pending)
        }
        // What had not started ran over the new connection only.
        #expect(second.total == 1)
        #expect(broker.memory.envelopes(in: "celery").count == 1)
    }

    @Test func anEtaIsWaitedForOnceAfterALostConnection() async throws {
        let broker = RecordingBroker()
        let ran = Locked<[JSONValue]>([])
        try await withBench(broker: broker, options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.note") { _, args, _ in
                ran.withLock { $0 += args }
                return .null
            }
        } _: { bench async throws in
            var countdown = Duration.seconds(0.5)
            var number = 0
            var task: TaskHandle<JSONValue>
            // Again with more time, when the machine was so busy that it came too late to wait.
            repeat {
                countdown *= 2
                number += 1
                task = try await bench.client.enqueue(
                    named: "tasks.note", arguments: [.integer(number)], options: .init(countdown: countdown))
            } while try await !broker.isNextParked()
            broker.failures.add(TransportError(.connectionLost, "pulled the plug"))
            _ = try await bench.client.enqueue(named: "tasks.note").value()
            _ = try await task.value()
            // After a second run, because the worker has one slot.
            _ = try await bench.client.enqueue(named: "tasks.note").value()
            #expect(ran.withLock { $0.count { $0 == .integer(number) } } == 1)
        }
    }

    @Test func twoHandlersOfOneNameAreRefused() {
        let error = #expect(throws: CeleryError.self) {
            try CeleryWorker(broker: .memory, logger: Bench.logger) {
                TaskHandler(named: "tasks.same") { _, _, _ in 1 }
                TaskHandler(named: "tasks.same") { _, _, _ in 2 }
            }
        }
        #expect(error?.code == .duplicateTask)
        #expect(error?.message.contains("tasks.same") == true)
    }
}
