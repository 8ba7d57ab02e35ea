import Celery
import CeleryTesting
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1))) struct CallsByNameTests {
    struct Size: Codable, Sendable, Equatable {
        var width: Int
        var height: Int?
    }

    /// Answers with what it was called with.
    private func withEcho(_ body: (CeleryClient) async throws -> Void) async throws {
        try await withTestCelery {
            TaskHandler(named: "echo") { _, args, kwargs in [.array(args), .object(kwargs)] }
            TaskHandler(named: "first") { _, args, _ in args.first ?? .null }
            TaskHandler(named: "parent") { context, _, _ in
                let name = "a.png"
                let child = try await context.enqueue(
                    named: "echo", arguments: [name], keywords: ["size": Size(width: 1)])
                return .string(child.id)
            }
        } _: { client in
            try await body(client)
        }
    }

    @Test func literalsOfJSONAreWrittenAsTheyStand() async throws {
        try await withEcho { client in
            let echo = try await client.enqueue(
                named: "echo", arguments: [6, nil, 1.5, [1, "a", [nil]]], keywords: ["z": true, "a": ["b": [1, "c"]]])
            #expect(
                try await echo.value() == [[6, nil, 1.5, [1, "a", [nil]]], ["z": true, "a": ["b": [1, "c"]]]])
            #expect(try await client.enqueue(named: "echo").value() == [[], [:]])
            let values: [JSONValue] = [1, "two"]
            let words: JSONObject = ["three": 3]
            #expect(
                try await client.enqueue(named: "echo", arguments: values, keywords: words).value()
                    == [[1, "two"], ["three": 3]])
        }
    }

    @Test func variablesAndValuesOfOnesOwnAreEncoded() async throws {
        let path = "a.png"
        let missing: String? = nil
        let id = UUID()
        try await withEcho { client in
            let echo = try await client.enqueue(
                named: "echo", arguments: [path, 3, missing, nil, [Size(width: 1)], id],
                keywords: ["path": path, "width": 3, "size": Size(width: 1, height: 2), "none": nil])
            let encoded = try JSONValueEncoder().encode(id)
            #expect(
                try await echo.value() == [
                    ["a.png", 3, nil, nil, [["width": 1]], encoded],
                    ["path": "a.png", "width": 3, "size": ["width": 1, "height": 2], "none": nil],
                ])
            // Python's dictionaries have an order.
            let keywords = try await echo.value().arrayValue?.last?.objectValue
            #expect(keywords.map { Array($0.map(\.key)) } == ["path", "width", "size", "none"])
            let widths = [1, 2]
            #expect(try await client.enqueue(named: "echo", arguments: widths).value() == [[1, 2], [:]])
            #expect(
                try await client.enqueue(named: "echo", keywords: ["path": path]).value() == [[], ["path": "a.png"]])
        }
    }

    @Test func aHandlerSendsChildrenByNameLikewise() async throws {
        try await withEcho { client in
            let child = try await client.enqueue(named: "parent").value(as: String.self)
            #expect(try await client.handle(id: child).value() == [["a.png"], ["size": ["width": 1]]])
        }
    }

    @Test func aResultIsReadAsWhatTheCallerSays() async throws {
        try await withEcho { client in
            let size = try await client.enqueue(named: "first", arguments: [Size(width: 320)]).value(as: Size.self)
            #expect(size == Size(width: 320))
            let none = try await client.enqueue(named: "first", arguments: [nil]).value(as: Size?.self)
            #expect(none == nil)
        }
    }

    @Test func aResultOfAnotherTypeIsShownWithItsPath() async throws {
        try await withEcho { client in
            let long = String(repeating: "x", count: 1000)
            for (sent, reason) in [
                (["width": .string(long)], "width: expected int, got str 'xxx"),
                (["height": 1], "the key 'width' is missing"),
                ("big", "expected dict, got str 'big'"),
            ] as [(JSONValue, String)] {
                let task = try await client.enqueue(named: "first", arguments: [sent])
                let error = await #expect(throws: CeleryError.self) { try await task.value(as: Size.self) }
                #expect(error?.code == .undecodableResult)
                let message = try #require(error?.message)
                #expect(message.contains("which is no Size: ") && message.contains(reason), "\(message)")
                #expect(message.utf8.count < 400)
            }
        }
    }
}
