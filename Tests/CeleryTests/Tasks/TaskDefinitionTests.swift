import Celery
import CeleryProtocol
import CeleryTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct TaskDefinitionTests {
    struct Order: Codable, Sendable, Equatable {
        var id: Int
        var lines: [String: Double]
        var note: String?
    }

    static let add = TaskDefinition(
        "tasks.add", Parameter("x", as: Int.self), Parameter("y", default: 10), returning: Int.self)
    static let double = TaskDefinition("tasks.double", Parameter("order", as: Order.self), returning: Order.self)
    static let ping = TaskDefinition("tasks.ping", Parameter("name", as: String.self))
    static let none = TaskDefinition("tasks.none", returning: String?.self)

    @Test func argumentsAndResultsAreTyped() async throws {
        try await withTestCelery {
            TaskHandler(Self.add) { _, x, y in x + y }
            TaskHandler(Self.double) { _, order in
                Order(id: order.id, lines: order.lines.mapValues { $0 * 2 }, note: order.note)
            }
        } _: { client async throws in
            #expect(try await client.enqueue(Self.add(2, 3)).value() == 5)
            let order = Order(id: 7, lines: ["a": 1.5, "é": 2], note: nil)
            let doubled = try await client.enqueue(Self.double(order)).value()
            #expect(doubled == Order(id: 7, lines: ["a": 3, "é": 4], note: nil))
        }
    }

    @Test func callersInAnyLanguageMixPositionalAndKeywordArguments() async throws {
        try await withTestCelery {
            TaskHandler(Self.add) { _, x, y in x + y }
        } _: { client async throws in
            func sum(_ arguments: [JSONValue], _ keywords: JSONObject) async throws -> JSONValue {
                try await client.enqueue(named: "tasks.add", arguments: arguments, keywords: keywords).value()
            }
            #expect(try await sum([1], [:]) == 11)
            #expect(try await sum([1], ["y": 2]) == 3)
            #expect(try await sum([], ["y": 2, "x": 4]) == 6)
            #expect(try await client.enqueue(Self.add.keywords(5, 6)).value() == 11)
        }
    }

    @Test func argumentsThatDoNotFitAreAFailureForTheCaller() async throws {
        try await withTestCelery {
            TaskHandler(Self.add) { _, x, y in x + y }
        } _: { client async throws in
            let failure = await #expect(throws: TaskFailure.self) {
                try await client.enqueue(named: "tasks.add", arguments: [1, 2, 3]).value()
            }
            #expect(failure?.type == "TypeError")
            #expect(failure?.message == "add() takes from 1 to 2 positional arguments but 3 were given")
            let wrong = await #expect(throws: TaskFailure.self) {
                try await client.enqueue(named: "tasks.add", arguments: ["one"]).value()
            }
            #expect(wrong?.type == "TypeError")
            #expect(wrong?.message.contains("'x'") == true)
        }
    }

    @Test func aTaskWithoutAResultReturnsNull() async throws {
        try await withTestCelery {
            TaskHandler(Self.ping) { context, name in
                guard name == "me" else { throw CancellationError() }
            }
        } _: { client async throws in
            let task = try await client.enqueue(Self.ping("me"))
            try await task.value()
            #expect(try await task.result()?.result == .null)
            #expect(try await task.status() == .success)
        }
    }

    @Test func aResultMayBeNull() async throws {
        try await withTestCelery {
            TaskHandler(Self.none) { _ in nil }
        } _: { client async throws in
            #expect(try await client.enqueue(Self.none()).value() == nil)
        }
    }

    @Test func aResultOfAnotherTypeIsAnErrorOfItsOwn() async throws {
        try await withTestCelery {
            TaskHandler(named: "tasks.add") { _, _, _ in "text" }
        } _: { client async throws in
            let error = await #expect(throws: CeleryError.self) { try await client.enqueue(Self.add(1, 2)).value() }
            #expect(error?.code == .undecodableResult)
            #expect(error?.message.contains("Int") == true)
        }
    }

    @Test func aValueThatJSONCannotHoldIsRefusedBeforeItIsSent() async throws {
        struct Unsendable: Codable, Sendable {
            func encode(to encoder: any Encoder) throws {
                throw EncodingError.invalidValue(self, .init(codingPath: [], debugDescription: "never"))
            }
            init() {}
            init(from decoder: any Decoder) throws {}
        }
        let task = TaskDefinition("tasks.never", Parameter("x", as: Unsendable.self))
        try await withTestCelery {
            TaskHandler(task) { _, _ in }
        } _: { client async throws in
            _ = await #expect(throws: EncodingError.self) { try await client.enqueue(task(Unsendable())) }
        }
    }
}
