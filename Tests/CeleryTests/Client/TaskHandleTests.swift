import Celery
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct TaskHandleTests {
    static let wait = TaskDefinition("tasks.wait", returning: Int.self)

    @Test func valueGivesUpAfterItsTimeout() async throws {
        let gate = Gate()
        try await withTestCelery {
            TaskHandler(Self.wait) { _ in
                try await gate.pass()
                return 1
            }
        } _: { client async throws in
            let task = try await client.enqueue(Self.wait())
            let error = await #expect(throws: CeleryError.self) {
                try await task.value(timeout: .milliseconds(30))
            }
            #expect(error?.code == .timedOut)
            gate.open()
            #expect(try await task.value(timeout: .seconds(30)) == 1)
        }
    }

    @Test func aResultThatCannotBeReachedSaysWhy() async throws {
        let backend = FailingBackend(watches: { throw TransportError(.unreachable, "nobody is there") })
        let client = try CeleryClient(broker: MemoryBroker(), backend: backend)
        let error = await #expect(throws: CeleryError.self) {
            try await client.handle(id: "id").value(timeout: .milliseconds(300))
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.hasSuffix(": the result backend is out of reach: nobody is there") == true)
        await client.close()
    }

    @Test func manyWaitForOneResult() async throws {
        let gate = Gate()
        try await withTestCelery {
            TaskHandler(Self.wait) { _ in
                try await gate.pass()
                return 7
            }
        } _: { client async throws in
            let task = try await client.enqueue(Self.wait())
            let values = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<100 { group.addTask { try await task.value() } }
                gate.open()
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(values == Array(repeating: 7, count: 100))
        }
    }

    @Test func waitingCanBeCancelled() async throws {
        let client = try CeleryClient(broker: MemoryBroker(), backend: MemoryResultBackend(), logger: Bench.logger)
        let handle = client.handle(id: "nobody-runs-this")
        let waiting = Task { try await handle.value() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func aHandleCanBeMadeFromAnId() async throws {
        try await withTestCelery {
            TaskHandler(Self.wait) { _ in 3 }
        } _: { client async throws in
            let id = try await client.enqueue(Self.wait()).id
            #expect(try await client.handle(for: Self.wait, id: id).value() == 3)
            #expect(try await client.handle(id: id).value() == 3)
        }
    }

    @Test func aResultThatWasNotWantedIsNotWaitedFor() async throws {
        try await withTestCelery {
            TaskHandler(Self.wait) { _ in 3 }
        } _: { client async throws in
            let task = try await client.enqueue(Self.wait(), options: SendOptions(ignoreResult: true))
            let error = await #expect(throws: CeleryError.self) { try await task.value() }
            #expect(error?.code == .noResultBackend)
            #expect(error?.message.contains("ignoreResult") == true)
            await #expect(throws: CeleryError.self) { try await task.updates() }
            #expect(try await task.status() == .pending)
        }
    }

    @Test func aForgottenResultIsPendingAgain() async throws {
        try await withTestCelery {
            TaskHandler(Self.wait) { _ in 3 }
        } _: { client async throws in
            let task = try await client.enqueue(Self.wait())
            _ = try await task.value()
            #expect(try await task.status() == .success)
            try await task.forget()
            #expect(try await task.status() == .pending)
            #expect(try await task.result() == nil)
        }
    }

    @Test func aClientWithoutABackendSaysSo() async throws {
        let client = try CeleryClient(broker: MemoryBroker(), logger: Bench.logger)
        let task = try await client.enqueue(Self.wait())
        for ask in [
            { _ = try await task.value() }, { _ = try await task.status() }, { try await task.forget() },
            { _ = try await task.updates() },
        ] {
            let error = await #expect(throws: CeleryError.self) { try await ask() }
            #expect(error?.code == .noResultBackend)
        }
    }

    @Test(arguments: [
        (TaskFailure(type: "ValueError", message: "boom"), "ValueError('boom')"),
        (TaskFailure(type: "HTTPError", module: "web", arguments: [404, "gone"]), "HTTPError(404, 'gone')"),
    ])
    func aFailureIsThrownAsItWasRaised(failure: TaskFailure, description: String) async throws {
        try await withTestCelery {
            TaskHandler(Self.wait) { _ -> Int in throw failure }
        } _: { client async throws in
            let thrown = await #expect(throws: TaskFailure.self) { try await client.enqueue(Self.wait()).value() }
            #expect(thrown?.type == failure.type)
            #expect(thrown?.module == failure.module)
            #expect(thrown?.arguments == failure.arguments)
            #expect(thrown?.description == description)
            #expect(thrown?.traceback?.contains("tasks.wait") == true)
        }
    }
}
