import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

/// What the caller sees of how a task ended.
@Suite(.timeLimit(.minutes(1))) struct OutcomeTests {
    struct NestedError: Error, CustomStringConvertible { let description: String }
    private struct PrivateError: Error {}

    func result(
        options: TaskOptions = .init(), throwing error: any Error
    ) async throws -> (TaskResult, RecordingBroker) {
        let broker = RecordingBroker()
        let result = try await withBench(broker: broker) {
            TaskHandler(named: "tasks.fail", options: options) { _, _, _ in throw error }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.fail")
            for try await result in try await task.updates() where result.state.isReady { return result }
            throw CancellationError()
        }
        return (result, broker)
    }

    @Test func aSwiftErrorIsAFailureWithItsTypeAndText() async throws {
        let (result, _) = try await result(throwing: NestedError(description: "no luck"))
        #expect(result.state == .failure)
        #expect(
            result.result == [
                "exc_type": "OutcomeTests.NestedError", "exc_message": ["no luck"], "exc_module": "swift.CeleryTests",
            ])
        #expect(result.traceback?.hasPrefix("Traceback (most recent call last):\n") == true)
        #expect(result.traceback?.hasSuffix("OutcomeTests.NestedError: no luck\n") == true)
        #expect(result.dateDone != nil)
    }

    /// Swift prints an address in the names of types that only a file or a function knows.
    @Test func theNameOfAPrivateTypeIsTheSameInEveryProcess() async throws {
        struct LocalError: Error {}
        let (hidden, _) = try await result(throwing: PrivateError())
        #expect(hidden.failure?.type == "OutcomeTests.PrivateError")
        let (local, _) = try await result(throwing: LocalError())
        #expect(local.failure?.type.hasSuffix("LocalError") == true)
        #expect(local.failure?.type.contains("$") == false, "\(local.failure?.type ?? "none")")
        #expect(local.failure?.module == "swift.CeleryTests")
    }

    @Test func aTaskFailureIsPassedOnAsItIs() async throws {
        let (result, _) = try await result(throwing: TaskFailure(type: "KeyError", arguments: ["k", 1]))
        #expect(result.result == ["exc_type": "KeyError", "exc_message": ["k", 1], "exc_module": "builtins"])
    }

    /// An error of this type that a handler makes up is no shutdown.
    @Test func aCancellationErrorOfTheHandlersOwnIsAFailure() async throws {
        let (result, _) = try await result(throwing: CancellationError())
        #expect(result.state == .failure)
        #expect(result.failure?.type == "CancellationError")
    }

    @Test func ignoreStoresNothing() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker, options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.ignore") { _, _, _ in throw Ignore() }
            TaskHandler(named: "tasks.good") { _, _, _ in 1 }
        } _: { bench async throws in
            let ignored = try await bench.client.enqueue(named: "tasks.ignore")
            let good = try await bench.client.enqueue(named: "tasks.good")
            _ = try await good.value()
            #expect(try await ignored.status() == .pending)
            #expect(try await broker.settlements.next(2) == [.acknowledge, .acknowledge])
        }
    }

    @Test func ignoreAcknowledgesALateMessage() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.ignore") { _, _, _ in throw Ignore() }
        } _: { bench async throws in
            try await bench.client.enqueue(named: "tasks.ignore")
            #expect(try await broker.settlements.next() == .acknowledge)
        }
        #expect(broker.memory.envelopes(in: "celery").isEmpty)
    }

    @Test func rejectIsAFailureAndDiscardsALateMessage() async throws {
        let (result, broker) = try await result(
            options: .init(acksLate: true), throwing: Reject(reason: "not for me"))
        #expect(result.state == .failure)
        #expect(
            result.result == [
                "exc_type": "Reject", "exc_message": ["not for me", false], "exc_module": "celery.exceptions",
            ])
        #expect(try await broker.settlements.next() == .discard)
    }

    @Test func rejectWithEarlyAcknowledgementHasNothingLeftToReject() async throws {
        let (result, broker) = try await result(throwing: Reject())
        #expect(result.failure?.arguments == [nil, false])
        #expect(try await broker.settlements.next() == .acknowledge)
    }

    @Test func rejectWithRequeueRunsTheTaskAgainAndStoresNothing() async throws {
        let broker = RecordingBroker()
        let runs = Notes<TaskState>()
        let runCount = Counter()
        let backend = MemoryResultBackend()
        try await withBench(broker: broker, backend: backend, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.pick") { context, args, _ in
                let client = try CeleryClient(broker: broker, backend: backend, logger: Bench.logger)
                runs.add(try await client.handle(id: context.id).status())
                guard runCount.next() > 1 else { throw Reject(requeue: true) }
                return 2
            }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.pick").value() == 2)
            #expect(try await broker.settlements.next(2) == [.requeue, .acknowledge])
            #expect(try await runs.next(2) == [.pending, .pending])
        }
    }
}
