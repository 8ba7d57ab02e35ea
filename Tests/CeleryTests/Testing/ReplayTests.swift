import Celery
import CeleryIO
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1))) struct ReplayTests {
    static let add = TaskDefinition(
        "tasks.add", Parameter("x", as: Int.self), Parameter("y", default: 5), returning: Int.self)

    private func replay() throws -> Replay {
        try Replay {
            TaskHandler(Self.add) { context, x, y in x + y + context.retries }
        }
    }

    private func message(task: String = "tasks.add", body: JSONValue) -> Message {
        Message(headers: ["task": .string(task), "id": "the-id", "group": "the-group"], body: body.serialized())
    }

    @Test func aCallIsRunWithoutAMessage() async throws {
        #expect(try await replay().run(Self.add(1, 2)) == .success(3))
        var request = TaskRequest(task: "tasks.add", id: "x")
        request.retries = 10
        #expect(try await replay().run(Self.add(1, 2), as: request) == .success(13))
        let other = Signature(task: "tasks.other")
        #expect(try await replay().run(other) == .notRegistered("tasks.other"))
    }

    @Test func theHeadersAndTheIDOfACallAreFoundByItsHandler() async throws {
        let replay = try Replay {
            TaskHandler(Self.add) { context, _, _ in
                guard context.request.headers["tenant"] == "north" else { throw Reject(reason: "no tenant") }
                return context.request.id == "mine" ? 1 : 0
            }
        }
        #expect(try await replay.run(Self.add(1, 2)) == .rejected(requeue: false))
        let call = Self.add(1, 2).options(SendOptions(id: "mine", headers: ["tenant": "north"]))
        #expect(try await replay.run(call) == .success(1))
    }

    @Test func whatAWorkerRefusesIsRefused() async throws {
        let signature: JSONValue = ["task": "tasks.add", "args": [], "kwargs": [:], "options": [:]]
        let chord: JSONValue = ["task": "celery.chord", "args": [], "kwargs": [:], "subtask_type": "chord"]
        for embed: JSONObject in [["callbacks": [5]], ["callbacks": [chord]], ["chain": [chord]]] {
            let outcome = try await replay().run(message(body: [[1], [:], .object(embed)]))
            guard case .refused = outcome else {
                Issue.record("\(embed) led to \(outcome)")
                continue
            }
        }
        for embed: JSONObject in [["callbacks": [signature]], ["chord": signature]] {
            #expect(try await replay().run(message(body: [[1], [:], .object(embed)])) == .success(6))
        }
    }

    @Test func whatAHandlerSendsGoesByRoutesAndDefaults() async throws {
        let replay = try Replay(
            routing: Routing(routes: [.init("tasks.other", to: "slow")]), defaultOptions: SendOptions(priority: 7)
        ) {
            TaskHandler(Self.add) { context, x, y in
                try await context.enqueue(named: "tasks.other")
                return x + y
            }
        }
        let sent = try await replay.record(Self.add(1, 2)).sent
        #expect(sent.map(\.destination.routingKey) == ["slow"])
        #expect(sent.map(\.message.properties.priority) == [7])
    }

    @Test func aNumberOfRetriesThatCannotGrowEndsNothing() async throws {
        var request = TaskRequest(task: "tasks.add", id: "x")
        request.retries = .max
        let left = Locked(1)
        let replay = try Replay {
            TaskHandler(Self.add, retry: .manual(maxRetries: nil)) { _, x, _ in
                let isFirst = left.withLock { left in
                    defer { left = 0 }
                    return left > 0
                }
                if isFirst { throw Retry(after: .zero) }
                return x
            }
        }
        let recording = try await replay.record(Self.add(1, 2), as: request, retrying: true)
        #expect(recording.outcome == .success(1) && recording.retries.count == 1)
    }

    @Test func anUnknownTaskIsNotLookedInto() async throws {
        let outcome = try await replay().run(message(task: "tasks.other", body: "no body of a task"))
        #expect(outcome == .notRegistered("tasks.other"))
    }

    @Test func twoHandlersOfOneNameAreAnError() throws {
        let error = #expect(throws: CeleryError.self) {
            try Replay {
                TaskHandler(Self.add) { _, x, _ in x }
                TaskHandler(Self.add) { _, _, y in y }
            }
        }
        #expect(error?.code == .duplicateTask)
    }

    @Test func aFixtureThatCannotBeReadIsRefused() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json")
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: file) } }
        try Data(#"{"cases": [{"name": "broken", "raw": "no envelope"}]}"#.utf8).write(to: file)
        let fixture = try #require(try Fixture.load(contentsOf: file.path).first)
        guard case .refused = try await replay().run(fixture) else {
            Issue.record("it should be refused")
            return
        }
    }

    @Test func aHandlersCodeCanBeCalledWithAContext() async throws {
        var request = TaskRequest(task: "tasks.look", id: "an-id")
        request.retries = 2
        let context = TaskContext.testing(request, queue: "images")
        #expect((context.id, context.retries, context.queue) == ("an-id", 2, "images"))
        try await context.report(progress: 1, of: 2)
        #expect(TaskContext.testing().id == "test")
    }
}
