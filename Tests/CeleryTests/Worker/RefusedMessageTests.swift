import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
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
        Case("no id, and a name of two lines", failure: nil) { $0.headers = ["task": "tasks\n.echo"] },
        Case("no headers", #"{"body": "[[], {}, {}]", "content-type": "application/json", "headers": null}"#),
        Case("an id that is null", failure: nil) { $0.headers["id"] = .null },
        Case("an id that is a number", failure: nil) { $0.headers["id"] = 5 },
        Case("an empty id", failure: nil) { $0.headers["id"] = "" },
        Case("an id that is a tagged nonsense", failure: nil) {
            $0.headers["id"] = ["__type__": "uuid", "__value__": ["hex": "5"]]
        },
        Case("a root that is a number") { $0.headers["root_id"] = 5 },
        Case("a parent that is a list") { $0.headers["parent_id"] = ["x"] },
        Case("a group of an unknown type") { $0.headers["group"] = ["__type__": "set", "__value__": "x"] },
        Case("a correlation id that is a number") { $0.properties["correlation_id"] = 5 },
        Case("a reply queue that is a list") { $0.properties["reply_to"] = ["x"] },
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
        Case("a content type of two lines") { $0.contentType = "a\nb" },
        Case("a charset") { $0.contentType = "application/json; charset=utf-8" },
        Case("an empty eta") { $0.headers["eta"] = "" },
        Case("an eta that is a number") { $0.headers["eta"] = 5 },
        Case("an eta of nonsense") { $0.headers["eta"] = "tomorrow" },
        Case("an empty expiry") { $0.headers["expires"] = "" },
        Case("an expiry that is a number") { $0.headers["expires"] = 60 },
        Case("a time limit of one element") { $0.headers["timelimit"] = [5] },
        Case("a time limit that is a number") { $0.headers["timelimit"] = 5 },
        Case("three time limits") { $0.headers["timelimit"] = [1, 2, 3] },
        Case("time limits that are texts") { $0.headers["timelimit"] = ["x", nil] },
        Case("an eta that is a tagged time of day") { $0.headers["eta"] = ["__type__": "time", "__value__": "10:00"] },
        Case("an eta that is a tagged nonsense") { $0.headers["eta"] = ["__type__": "datetime", "__value__": "x"] },
        Case("an empty object for a body") { $0.body = [:] },
        Case("an object without arguments for a body") { $0.body = ["foo": 1] },
        Case("an eta of nonsense in protocol 1") {
            $0.headers = [:]
            $0.body = ["task": "tasks.echo", "id": "broken", "args": [], "eta": "tomorrow"]
        },
        Case("a time limit of one element in protocol 1") {
            $0.headers = [:]
            $0.body = ["task": "tasks.echo", "id": "broken", "args": [], "timelimit": [1]]
        },
        Case("an eta of nonsense in the body of a mixed message") {
            $0.headers = ["task": "tasks.echo"]
            $0.body = ["id": "broken", "args": [], "eta": "tomorrow"]
        },
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
        Case("retries that are a text") { $0.headers["retries"] = "x" },
        Case("retries that are a number in a text") { $0.headers["retries"] = "2" },
        Case("retries that are a list") { $0.headers["retries"] = [1] },
        Case("retries that are a fraction") { $0.headers["retries"] = 1.5 },
        Case("retries that are infinite") { $0.headers["retries"] = .double(.infinity) },
        Case("retries that are true") { $0.headers["retries"] = true },
        Case("negative retries") { $0.headers["retries"] = -1 },
        Case("more retries than 64 bits hold") {
            $0.headers["retries"] = .bigInteger("1" + String(repeating: "0", count: 30))
        },
        Case("a time limit that is zero") { $0.headers["timelimit"] = 0 },
        Case("a time limit that is an empty text") { $0.headers["timelimit"] = "" },
        Case("a time limit that is an empty object") { $0.headers["timelimit"] = [:] },
        Case("a time limit that is false") { $0.headers["timelimit"] = false },
        Case("an eta that is a tagged date") { $0.headers["eta"] = ["__type__": "date", "__value__": "2020-01-01"] },
        Case("an eta that is a tagged time") {
            $0.headers["eta"] = ["__type__": "datetime", "__value__": "2020-01-02T03:04:05"]
        },
        Case("an empty compression") { $0.headers["compression"] = "" },
        Case("a compression that is false") { $0.headers["compression"] = false },
        Case("a group index that is a text") { $0.headers["group_index"] = "x" },
        Case("names of stamps without stamps") { $0.headers["stamped_headers"] = ["a"] },
        Case("a root that is false") { $0.headers["root_id"] = false },
        Case("a correlation id that is null") { $0.properties["correlation_id"] = .null },
        Case("an empty shadow") { $0.headers["shadow"] = "" },
        Case("a body that says it is UTF-8") { $0.properties["body_encoding"] = "utf-8" },
        Case("empty lists of what follows") { $0.body = [[], [:], ["callbacks": [], "errbacks": [], "chain": []]] },
        Case("empty objects for what follows") {
            $0.body = [[], [:], ["callbacks": [:], "errbacks": "", "chain": false, "chord": [:]]]
        },
        Case("a chord that nobody has opened") {
            $0.headers["group"] = "a-group"
            $0.body = [[], [:], ["chord": ["task": "tasks.echo"]]]
        },
        Case("a chord without a group") { $0.body = [[], [:], ["chord": ["task": "tasks.echo"]]] },
        Case("a chord of an empty group") {
            $0.headers["group"] = ""
            $0.body = [[], [:], ["chord": ["task": "tasks.echo"]]]
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
            #expect(failure?.arguments == ["tasks.unknown"])
            // Where Python has a traceback.
            let text = try #require(failure?.traceback)
            for part in ["'tasks.unknown'", "the queue 'celery'", "Registered: tasks.echo.", "task_routes"] {
                #expect(text.contains(part), "\(text)")
            }
            #expect(
                try await bench.broker.settlements.next() == .deadLetter(reason: "unregistered task 'tasks.unknown'"))
            let dead = try bench.envelopes(in: "celery.dead-letter")
            #expect(dead.map { $0.headers["id"]?.stringValue } == [task.id])
        }
    }

    /// A body that is allowed, and the same with one byte more; in protocol 1 it is read before the task has a slot.
    @Test(arguments: [false, true], [false, true])
    func aBodyThatIsTooLargeIsRefused(isCompressed: Bool, isOld: Bool) async throws {
        let limit = 10_000
        try await withBench(options: .init(concurrency: 1, acksLate: true, maximumBodySize: limit)) {
            TaskHandler(named: "tasks.count") { _, args, _ in .integer(args.count) }
        } _: { bench async throws in
            for (id, size) in [("fits", limit), ("too-large", limit + 1)] {
                let start = isOld ? "{\"task\": \"tasks.count\", \"id\": \"\(id)\", \"args\": []" : "[[], {}, {}"
                var text = Array((start + String(repeating: " ", count: size - start.utf8.count - 1)).utf8)
                text.append(UInt8(ascii: isOld ? "}" : "]"))
                var headers: JSONObject = isOld ? [:] : ["task": "tasks.count", "id": .string(id)]
                if isCompressed { headers["compression"] = "application/x-gzip" }
                let body = isCompressed ? try Zlib.compress(text) : text
                let message = Message(
                    headers: headers, properties: .init(deliveryTag: id), body: body)
                let settlement = try await bench.settlement(of: KombuEnvelope.encode(message))
                if id == "fits" {
                    #expect(settlement == .acknowledge)
                    #expect(try await bench.client.handle(id: id).value() == 0)
                } else {
                    guard case .deadLetter(let reason) = settlement else {
                        Issue.record("it is no dead letter")
                        return
                    }
                    #expect(reason.contains("\(limit)"))
                    guard !isOld else { continue }
                    #expect(try await bench.client.handle(id: id).result()?.failure?.message == reason)
                }
            }
        }
    }

    /// In protocol 1 the body is read before the task has a slot.
    @Test(arguments: [false, true])
    func aBodyWhoseValuesTakeTooMuchIsRefused(isOld: Bool) async throws {
        let limit = 10_000
        try await withBench(options: .init(concurrency: 1, acksLate: true, maximumBodyMemory: limit)) {
            TaskHandler(named: "tasks.count") { _, args, _ in .integer(args.count) }
        } _: { bench async throws in
            for (id, count) in [("fits", 100), ("too-large", 1000)] {
                let args = "[" + Array(repeating: "[]", count: count).joined(separator: ",") + "]"
                let text =
                    isOld
                    ? "{\"task\": \"tasks.count\", \"id\": \"\(id)\", \"args\": \(args)}" : "[\(args), {}, {}]"
                let headers: JSONObject = isOld ? [:] : ["task": "tasks.count", "id": .string(id)]
                let message = Message(headers: headers, properties: .init(deliveryTag: id), body: Array(text.utf8))
                let settlement = try await bench.settlement(of: KombuEnvelope.encode(message))
                guard id == "too-large" else {
                    #expect(settlement == .acknowledge)
                    continue
                }
                guard case .deadLetter(let reason) = settlement else {
                    Issue.record("it is no dead letter")
                    return
                }
                #expect(reason.contains("the body is too large") && reason.contains("\(limit)"))
            }
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
