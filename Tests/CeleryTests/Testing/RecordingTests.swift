import Celery
import CeleryTesting
import Logging
import Testing

@Suite(.timeLimit(.minutes(1))) struct RecordingTests {
    static let ship = TaskDefinition("orders.ship", Parameter("order", as: Int.self), returning: [String].self)
    static let mail = TaskDefinition("mail.send", Parameter("to", as: String.self), returning: Bool.self)

    private struct NotYet: Error {}

    private func replay() throws -> Replay {
        try Replay {
            TaskHandler(Self.ship, retry: .automatic(on: NotYet.self, maxRetries: 2)) { context, order in
                context.logger.info("shipping", metadata: ["order": "\(order)"])
                try await context.report(progress: 1, of: 2)
                guard order >= 0 || context.retries == 1 else { throw NotYet() }
                guard order != 0 else { throw TaskFailure(type: "ValueError", message: "no order") }
                try await context.enqueue(Self.mail("a@b.c"), options: SendOptions(queue: "mail", priority: 3))
                return ["box", "label"]
            }
        }
    }

    @Test func whatAHandlerDoesIsKept() async throws {
        let recording = try await replay().record(Self.ship(1))
        #expect(recording.outcome == .success(["box", "label"]))
        #expect(try recording.outcome.value(as: [String].self) == ["box", "label"])
        let sent = try #require(recording.sent.first)
        #expect(recording.sent.count == 1 && sent.name == "mail.send" && sent.arguments == ["a@b.c"])
        #expect(sent.request.parentID == "test" && sent.message.properties.priority == 3)
        #expect(sent.destination.queue?.name == "mail")
        #expect(recording.reports.map(\.state.rawValue) == ["PROGRESS"])
        #expect(recording.reports.first?.result == ["current": 1, "total": 2])
        #expect(recording.log.map(\.message) == ["shipping"] && recording.log.first?.metadata["order"] == "1")
        #expect(recording.retries.isEmpty)
    }

    @Test func aTaskThatIsRetriedRunsToItsEnd() async throws {
        let recording = try await replay().record(Self.ship(-1), retrying: true)
        #expect(recording.outcome == .success(["box", "label"]))
        #expect(recording.retries.map(\.?.type) == ["RecordingTests.NotYet"])
        #expect(recording.reports.count == 2)
        guard case .retry = try await replay().run(Self.ship(-1)) else {
            Issue.record("without retrying it is to be tried again")
            return
        }
    }

    @Test func aFailureIsThrownByItsValue() async throws {
        let outcome = try await replay().run(Self.ship(0))
        #expect(throws: TaskFailure.self) { try outcome.value(as: [String].self) }
        let none = try await replay().run(Signature(task: "other"))
        #expect(throws: UnexpectedOutcome.self) { try none.value(as: Int.self) }
        let number = try await replay().run(Self.ship(1))
        #expect(throws: DecodingError.self) { try number.value(as: Int.self) }
    }

    @Test func theResultOfATaskThatNobodyRunsIsAnError() async throws {
        let replay = try Replay {
            TaskHandler(named: "waits") { context, _, _ in
                .bool(try await context.enqueue(Self.mail("a@b.c")).value())
            }
        }
        guard case .failure(let failure) = try await replay.run(Signature(task: "waits")) else {
            Issue.record("it cannot have a value")
            return
        }
        #expect(failure.description.contains("a replay runs no other tasks"))
    }
}
