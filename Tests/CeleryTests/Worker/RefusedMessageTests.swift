import Celery
import CeleryProtocol
import CeleryTransport
import Testing

/// Messages that hurt a Python worker, and others that nobody can run: each ends among the dead letters, its sender
/// is told if it can be, and the worker runs the next task.
@Suite(.timeLimit(.minutes(1))) struct RefusedMessageTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        /// The type of the failure that the sender gets; `nil` when there is no id to tell it by.
        var failure: String?

        init(_ name: String, _ text: String, failure: String? = nil) {
            testDescription = name
            bytes = Array(text.utf8)
            self.failure = failure
        }

        init(_ name: String, failure: String? = "InvalidTaskError", _ change: (inout Envelope) -> Void) {
            testDescription = name
            var envelope = Envelope(headers: ["task": "tasks.echo", "id": "broken"])
            change(&envelope)
            bytes = envelope.bytes
            self.failure = failure
        }
    }

    static let undecodable: [Case] = [
        Case("nothing", ""), Case("no JSON", "hello"), Case("cut short", #"{"body": "W1s"#), Case("a list", "[1, 2]"),
        Case("no body and no headers", #"{"properties": {}}"#),
        Case("a body that is not base64", #"{"body": "%%%", "properties": {"body_encoding": "base64"}}"#),
        Case("deep", String(repeating: "[", count: 100_000)),
        Case("invalid UTF-8", String(decoding: [0x7B, 0x22], as: UTF8.self)),
    ]

    static let broken: [Case] = [
        Case(
            "no body", #"{"content-type": "application/json", "headers": {"task": "tasks.echo", "id": "broken"}}"#,
            failure: "InvalidTaskError"),
        Case(
            "a body that is a number", #"{"body": 5, "headers": {"task": "tasks.echo", "id": "broken"}}"#,
            failure: "InvalidTaskError"),
        Case("no id", failure: nil) { $0.headers["id"] = nil },
        Case("an id that is null", failure: nil) { $0.headers["id"] = .null },
        Case("an id that is a number", failure: nil) { $0.headers["id"] = 5 },
        Case("an empty id", failure: nil) { $0.headers["id"] = "" },
        Case("a body of two elements") { $0.body = [[], [:]] },
        Case("a body of four elements") { $0.body = [[], [:], [:], 1] },
        Case("a body that is a text") { $0.body = "hello" },
        Case("a body that is no JSON") { $0.text = "[[1,2], {}" },
        Case("an empty body") { $0.text = "" },
        Case("keywords that are null") { $0.body = [[], nil, nil] },
        Case("keywords that are a list") { $0.body = [[], [], nil] },
        Case("arguments that are null") { $0.body = [nil, [:], nil] },
        Case("arguments that are an object") { $0.body = [[:], [:], nil] },
        Case("no content type") { $0.contentType = .null },
        Case("pickle") { $0.contentType = "application/x-python-serialize" },
        Case("yaml") { $0.contentType = "application/x-yaml" },
        Case("a charset") { $0.contentType = "application/json; charset=utf-8" },
        Case("an empty eta") { $0.headers["eta"] = "" },
        Case("an eta that is a number") { $0.headers["eta"] = 5 },
        Case("an eta of nonsense") { $0.headers["eta"] = "tomorrow" },
        Case("an empty expiry") { $0.headers["expires"] = "" },
        Case("an expiry that is a number") { $0.headers["expires"] = 60 },
        Case("a time limit of one element") { $0.headers["timelimit"] = [5] },
        Case("a time limit that is a number") { $0.headers["timelimit"] = 5 },
        Case("retries that are a list") { $0.headers["retries"] = [1] },
        Case("negative retries") { $0.headers["retries"] = -1 },
        Case("an unknown compression") { $0.headers["compression"] = "application/x-lzma" },
        Case("a compression that it does not have") { $0.headers["compression"] = "application/x-gzip" },
        Case("a compression that is a number") { $0.headers["compression"] = 1 },
        Case("an unknown __type__") { $0.body = [[["__type__": "set", "__value__": [1]]], [:], [:]] },
        Case("a uuid that is a text") { $0.body = [[["__type__": "uuid", "__value__": "x"]], [:], [:]] },
        Case("no task anywhere", failure: nil) { $0.headers = [:] },
        Case("an object without a task", failure: nil) {
            $0.headers = [:]
            $0.body = ["id": "broken", "args": []]
        },
        Case("protocol 1 without an id", failure: nil) {
            $0.headers = [:]
            $0.body = ["task": "tasks.echo", "args": []]
        },
    ]

    @Test(arguments: undecodable + broken)
    func aMessageThatCannotBeRunEndsAmongTheDeadLetters(message: Case) async throws {
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.echo") { _, args, _ in .array(args) }
        } _: { bench async throws in
            guard case .deadLetter(let reason) = try await bench.settlement(of: message.bytes) else {
                Issue.record("it is no dead letter")
                return
            }
            #expect(!reason.isEmpty && !reason.contains("\n"))
            #expect(bench.broker.memory.envelopes(in: "celery.dead-letter") == [message.bytes])
            let result = try await bench.client.handle(id: "broken").result()
            #expect(result?.failure?.type == message.failure)
            #expect(result?.failure?.message == (message.failure == nil ? nil : reason))
            // And on it goes.
            let good = try await bench.client.enqueue(named: "tasks.echo", arguments: [1])
            #expect(try await good.value() == [1])
        }
    }

    static let harmless: [Case] = [
        Case("no lang") { $0.headers["lang"] = nil },
        Case("unknown headers") { $0.headers["what"] = ["is": "this"] },
        Case("an embed that is null") { $0.body = [[1], [:], nil] },
        Case("an empty embed") { $0.body = [[1], [:], [:]] },
        Case("plain text") {
            $0.properties["body_encoding"] = nil
            $0.body = [[1], [:], [:]]
        },
        Case("no properties") {
            $0.properties = [:]
            $0.body = [[1], [:], [:]]
        },
        Case("a priority that is a text") {
            $0.properties["priority"] = "3"
            $0.body = [[1], [:], [:]]
        },
        Case("null metadata") {
            $0.body = [[1], [:], [:]]
            for key in ["retries", "timelimit", "root_id", "stamps", "eta", "expires", "group"] {
                $0.headers[key] = .null
            }
        },
    ]

    @Test(arguments: harmless)
    func whatDoesNotMatterIsNotRefused(message: Case) async throws {
        try await withBench(options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.echo") { _, args, _ in .array(args) }
        } _: { bench async throws in
            #expect(try await bench.settlement(of: message.bytes) == .acknowledge)
            #expect(try await bench.client.handle(id: "broken").status() == .success)
        }
    }

    @Test func aTaskThatIsNotRegisteredIsADeadLetterAndAFailure() async throws {
        try await withBench(options: .init(concurrency: 1, ignoreResult: true)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.unknown")
            let failure = await #expect(throws: TaskFailure.self) { try await task.value() }
            #expect(failure?.type == "NotRegistered")
            #expect(failure?.module == "celery.exceptions")
            #expect(failure?.message == "tasks.unknown")
            #expect(
                try await bench.broker.settlements.next() == .deadLetter(reason: "unregistered task tasks.unknown"))
            let dead = try bench.envelopes(in: "celery.dead-letter")
            #expect(dead.map { $0.headers["id"]?.stringValue } == [task.id])
        }
    }

    @Test func aBodyIsNotLookedAtWhenTheTaskHasExpired() async throws {
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            let envelope = Envelope(
                headers: ["task": "tasks.echo", "id": "late", "expires": "2001-01-01T00:00:00"], text: "nonsense")
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            #expect(try await bench.client.handle(id: "late").status() == .revoked)
        }
    }
}
