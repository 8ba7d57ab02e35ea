import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

/// Tries that differ from the one before.
@Suite(.timeLimit(.minutes(1))) struct RetryChangesTests {
    /// What is inherited, what is new, and what the next try gets.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let payload: TaskPayload
        let changes: Retry.Changes
        let expected: TaskPayload
    }

    static let rows = [
        Row(
            testDescription: "positional arguments take the place of keywords of the same names",
            payload: TaskPayload(kwargs: ["foo": 1, "bar": 2, "label": "kept"]), changes: .init(arguments: [2, 3]),
            expected: TaskPayload(args: [2, 3], kwargs: ["label": "kept"])),
        Row(
            testDescription: "a keyword replaces the positional argument of the same name",
            payload: TaskPayload(args: [1, 2]), changes: .init(keywords: ["foo": 2]),
            expected: TaskPayload(args: [2, 2])),
        Row(
            testDescription: "a keyword for a parameter that got nothing stays one",
            payload: TaskPayload(args: [1]), changes: .init(keywords: ["bar": 2]),
            expected: TaskPayload(args: [1], kwargs: ["bar": 2])),
        Row(
            testDescription: "both replace everything", payload: TaskPayload(args: [1, 2], kwargs: ["label": "x"]),
            changes: .init(arguments: [3], keywords: ["bar": 4]),
            expected: TaskPayload(args: [3], kwargs: ["bar": 4])),
    ]

    @Test(arguments: rows) func newArgumentsGoBeforeInheritedOnes(row: Row) {
        var payload = row.payload
        let isChanged = payload.change(row.changes, parameters: ["foo", "bar", "label"])
        #expect(isChanged)
        #expect(payload == row.expected)
    }

    @Test func withoutNewArgumentsNothingIsDifferent() {
        var payload = TaskPayload(args: [1])
        let isChanged = payload.change(.init(expires: .after(.seconds(1))), parameters: nil)
        #expect(!isChanged)
        #expect(payload == TaskPayload(args: [1]))
    }

    @Test func theNextTryGetsTheNewArgumentsAndTheMessageSaysSo() async throws {
        let add = TaskDefinition(
            "tasks.add", Parameter("foo", as: Int.self), Parameter("bar", as: Int.self), returning: [Int].self)
        try await withBench {
            TaskHandler(add) { context, foo, bar in
                if context.retries == 0 { throw Retry(after: .zero, with: .init(keywords: ["foo": 7])) }
                #expect(context.request.argsrepr == "(7, 2)")
                return [foo, bar]
            }
        } _: { bench async throws in
            let options = SendOptions(isCompressed: true)
            #expect(try await bench.client.enqueue(add(1, 2), options: options).value() == [7, 2])
        }
    }

    @Test func aRunMaySayHowManyTriesThereAre() async throws {
        try await withBench {
            TaskHandler(named: "tasks.flaky", retry: .manual(maxRetries: nil)) { _, _, _ in
                throw Retry(after: .zero, because: TaskFailure(type: "ValueError", message: "boom"), maxRetries: 1)
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.flaky")
            let failure = await #expect(throws: TaskFailure.self) { try await task.value() }
            #expect(failure?.description == "ValueError('boom')")
        }
    }

    @Test func theNextTryMayExpire() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker) {
            TaskHandler(named: "tasks.flaky") { _, _, _ in
                throw Retry(after: .zero, with: .init(expires: .after(.zero)))
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.flaky")
            let failure = await #expect(throws: TaskFailure.self) { try await task.value() }
            #expect(failure?.description == "TaskRevokedError('expired')")
        }
    }
}
