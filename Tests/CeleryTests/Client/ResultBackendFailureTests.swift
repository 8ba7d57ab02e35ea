import Celery
import CeleryProtocol
import CeleryTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ResultBackendFailureTests {
    static let one = TaskDefinition("tasks.one", returning: Int.self)
    private static let outage: [any Error] = [
        TransportError(.connectionLost, "restarting"), TransportError(.unreachable, "restarting"),
    ]

    private func client(_ backend: ProbeBackend) throws -> CeleryClient {
        try CeleryClient(broker: MemoryBroker(), backend: backend, logger: Bench.logger)
    }

    @Test(arguments: [nil, Duration.seconds(30)])
    func whoeverWaitsForAResultSurvivesARestartOfTheBackend(timeout: Duration?) async throws {
        let backend = ProbeBackend()
        let gate = Gate()
        try await withBench(backend: backend) {
            TaskHandler(Self.one) { _ in
                try await gate.pass()
                return 1
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(Self.one())
            backend.fail(.watch, with: Self.outage)
            async let value = task.value(timeout: timeout)
            var calls = 0
            for await call in backend.calls where call == .watch {
                calls += 1
                if calls > Self.outage.count { break }
            }
            gate.open()
            #expect(try await value == 1)
        }
    }

    @Test func aTimeoutHoldsWhileTheBackendIsAway() async throws {
        let backend = ProbeBackend()
        backend.fail(.watch, with: Array(repeating: TransportError(.unreachable, "restarting"), count: 100))
        let handle = try client(backend).handle(id: "x")
        let error = await #expect(throws: CeleryError.self) { try await handle.value(timeout: .milliseconds(30)) }
        #expect(error?.code == .timedOut)
    }

    @Test func aRefusalIsNotTriedAgain() async throws {
        let backend = ProbeBackend()
        backend.fail(.watch, with: [TransportError(.refused, "not you")])
        let client = try client(backend)
        let error = await #expect(throws: TransportError.self) { try await client.handle(id: "x").value() }
        #expect(error?.code == .refused)
        #expect(backend.count(.watch) == 1)
    }

    @Test func aStoredResultThatCannotBeReadIsSaidToBe() async throws {
        let backend = ProbeBackend()
        let handle = try client(backend).handle(id: "x")
        for (call, ask) in [
            (ProbeBackend.Call.watch, { _ = try await handle.value() }), (.result, { _ = try await handle.result() }),
        ] {
            backend.fail(call, with: [MessageError(.undecodable, "no JSON")])
            let error = await #expect(throws: CeleryError.self) { try await ask() }
            #expect(error?.code == .undecodableResult)
            #expect(error?.message.contains("no JSON") == true)
        }
    }

    @Test func theFirstTaskIsSentWhenTheBackendComesBack() async throws {
        let backend = ProbeBackend()
        backend.fail(.prepare, with: Self.outage)
        let client = try client(backend)
        try await client.enqueue(Self.one())
        try await client.enqueue(Self.one())
        #expect(backend.count(.prepare) == Self.outage.count + 1)
    }

    @Test func aTaskWhoseResultIsNotWantedDoesNotTouchTheBackend() async throws {
        let backend = ProbeBackend()
        try await client(backend).enqueue(Self.one(), options: .init(ignoreResult: true))
        #expect(backend.count(.prepare) == 0)
    }

    @Test func aChildsReplyHasItsQueueBeforeTheChildIsSent() async throws {
        let backend = ProbeBackend()
        try await withBench(backend: backend) {
            TaskHandler(Self.one) { _ in 1 }
            TaskHandler(named: "tasks.parent") { context, _, _ in
                let before = backend.count(.prepare)
                try await context.enqueue(named: "tasks.one")
                try await context.enqueue(Self.one())
                return [.integer(before), .integer(backend.count(.prepare))]
            }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.parent").value() == [1, 2])
        }
    }

    @Test func askingAgainDoesNotAskTheBackend() async throws {
        let backend = ProbeBackend()
        try await withBench(backend: backend) {
            TaskHandler(Self.one) { _ in 1 }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(Self.one())
            #expect(try await task.value() == 1)
            let count = backend.count(.result)
            #expect(try await task.value() == 1)
            #expect(try await task.status() == .success)
            #expect(backend.count(.result) == count)
        }
    }
}
