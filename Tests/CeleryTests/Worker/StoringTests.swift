import Celery
import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

/// What becomes of tasks whose results the backend does not take.
@Suite(.timeLimit(.minutes(1))) struct StoringTests {
    static let refusal = TransportError(.rejected, "too large")

    @Test func aResultThatIsRefusedIsAFailureAndItsTaskIsDone() async throws {
        let backend = FailingBackend(takes: { if $0.state == .success { throw Self.refusal } })
        let runs = Counter()
        try await withBench(backend: backend, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.good") { _, _, _ in .integer(runs.next()) }
        } _: { bench async throws in
            let handle = try await bench.client.enqueue(named: "tasks.good")
            #expect(try await bench.broker.settlements.next() == .acknowledge)
            let failure = await #expect(throws: TaskFailure.self) { try await handle.value() }
            #expect(failure?.type == "BackendStoreError")
            #expect(failure?.traceback?.hasSuffix("\(failure?.message ?? "")\n") == true)
            #expect(failure?.message.contains("too large") == true)
        }
        #expect(runs.total == 1)
    }

    @Test func aResultThatIsRefusedDoesNotHarmThoseThatAreStoredWithIt() async throws {
        let (first, gate) = (Notes<Void>(), Gate())
        let backend = FailingBackend(takes: { result in
            if result.result == 0 {
                first.add(())
                await gate.passUncancelled()
            }
            if result.result == 2 { throw Self.refusal }
        })
        let runs = Notes<JSONValue>()
        let options = CeleryWorker.Options(concurrency: 1, acksLate: true)
        let ids = try await withBench(backend: backend, options: options) {
            TaskHandler(named: "tasks.echo") { _, args, _ in
                runs.add(args[0])
                return args[0]
            }
        } _: { bench async throws in
            var tasks: [TaskHandle<JSONValue>] = []
            for number in 0..<4 {
                tasks.append(try await bench.client.enqueue(named: "tasks.echo", arguments: [.integer(number)]))
            }
            try await first.next()
            #expect(try await runs.next() == 0)
            gate.open()
            #expect(try await bench.broker.settlements.next(4) == Array(repeating: .acknowledge, count: 4))
            #expect(try await runs.next(3) == [1, 2, 3])
            #expect(try await tasks[2].status() == .failure)
            for task in [tasks[0], tasks[1], tasks[3]] { #expect(try await task.status() == .success) }
            return tasks.map(\.id)
        }
        #expect(Set(ids).count == 4)
    }

    @Test func aDeadLetterStaysOneWhenItsResultIsRefused() async throws {
        let backend = FailingBackend(takes: { _ in throw Self.refusal })
        try await withBench(backend: backend) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            _ = try await bench.client.enqueue(named: "tasks.unknown")
            let settlement = try await bench.broker.settlements.next()
            #expect(settlement == .deadLetter(reason: "unregistered task 'tasks.unknown'"))
            let expired = Envelope(headers: ["task": "tasks.echo", "id": "late", "expires": "2001-01-01T00:00:00"])
            #expect(try await bench.settlement(of: expired.bytes) == .acknowledge)
        }
    }

    @Test func aBackendThatIsOutOfOrderIsWaitedFor() async throws {
        let tries = Counter()
        let backend = FailingBackend(takes: { _ in
            if tries.next() < 4 { throw TransportError(.refused, "the password has changed") }
        })
        let runs = Counter()
        try await withBench(backend: backend, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.good") { _, _, _ in .integer(runs.next()) }
        } _: { bench async throws in
            let handle = try await bench.client.enqueue(named: "tasks.good")
            #expect(try await bench.broker.settlements.next() == .acknowledge)
            #expect(try await handle.value() == 1)
        }
        #expect(runs.total == 1)
    }

    /// The tries of a worker that ends take some seconds.
    @Test func whatCannotBeStoredWhenTheWorkerEndsGoesBackUnlessItWasRefused() async throws {
        let broker = RecordingBroker()
        let backend = FailingBackend(takes: { _ in throw TransportError(.unreachable, "nobody there") })
        let runs = Notes<Void>()
        try await withBench(broker: broker, backend: backend, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.good") { _, _, _ in
                runs.add(())
                return 1
            }
        } _: { bench async throws in
            _ = try await bench.client.enqueue(named: "tasks.unknown")
            _ = try await bench.client.enqueue(named: "tasks.good")
            try await runs.next()
        }
        #expect(broker.memory.envelopes(in: "celery").count == 1)
        #expect(broker.memory.envelopes(in: "celery.dead-letter").count == 1)
    }

    @Test func aBackendThatRefusesEndsTheWorkerBeforeItTakesATask() async throws {
        let broker = RecordingBroker()
        let backend = FailingBackend(connects: { throw TransportError(.refused, "wrong password") })
        let worker = try CeleryWorker(broker: broker, backend: backend, logger: Bench.logger) {
            TaskHandler(named: "tasks.good") { _, _, _ in 1 }
        }
        let error = await #expect(throws: TransportError.self) { try await worker.run() }
        #expect(error?.code == .refused)
        broker.events.add(.closed)
        #expect(try await broker.events.next() == .closed, "no consumer was opened")
    }

    @Test func aBackendOutOfReachIsTriedAgain() async throws {
        let tries = Counter()
        let backend = FailingBackend(connects: {
            if tries.next() < 3 { throw TransportError(.unreachable, "nobody there") }
        })
        try await withBench(backend: backend) {
            TaskHandler(named: "tasks.good") { _, _, _ in 1 }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.good").value() == 1)
        }
        #expect(tries.total == 3)
    }
}
