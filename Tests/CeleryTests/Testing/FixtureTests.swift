import Celery
import CeleryProtocol
import CeleryTesting
import Foundation
import Testing

@Suite struct FixtureTests {
    private static let message = Message(
        headers: [
            "task": "shop.pay", "id": "an-id", "argsrepr": "('Ann', 4111)", "kwargsrepr": "{}",
            "traceparent": "00-11", "baggage": ["user": "Ann", "age": 41],
        ],
        body: (TaskPayload.embedded).serialized())

    private func file() -> URL { FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json") }

    /// What is left of a message in a file.
    private func redacted(_ paths: String..., message: Message = message) throws -> (fixture: Fixture, text: String) {
        let fixture = Fixture(name: "pay", message).redacted(try FixtureRedaction(paths))
        let body = String(decoding: try fixture.message.get().body, as: UTF8.self)
        return (fixture, body + String(decoding: fixture.raw, as: UTF8.self))
    }

    @Test func whatIsWrittenIsRead() throws {
        let file = file()
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: file) } }
        let written = [
            Fixture(name: "pay", Self.message, queue: "orders"),
            Fixture(name: "garbage", envelope: [0, 0xFF, 0x0A, 0x22], queue: "orders"),
            Fixture(name: "surrogates", envelope: Array(#"{"headers": {"x": "\udcff \ud83d"}}"#.utf8)),
        ]
        try written.write(to: file)
        let read = try Fixture.load(contentsOf: file)
        #expect(read.map(\.raw) == written.map(\.raw))
        #expect(read.map(\.name) == ["pay", "garbage", "surrogates"])
        #expect(read.map(\.queue) == ["orders", "orders", "celery"])
        #expect(read[0].task == "shop.pay" && read[1].task == nil)
        #expect(try read[0].payload().args == [["name": "Ann", "card": "4111"], 4111])
        #expect(try Fixture.load(contentsOf: file.path).count == 3)
        // What is there is not replaced by accident.
        #expect(throws: (any Error).self) { try written.write(to: file) }
        try Array(written.prefix(1)).write(to: file, replacing: true)
        #expect(try Fixture.load(contentsOf: file).count == 1)
    }

    @Test func aFileThatIsNotThereIsNamed() throws {
        let file = file()
        let error = #expect(throws: Fixture.LoadingError.self) { try Fixture.load(contentsOf: file) }
        #expect(error?.description == "there is no file \(file.path)")
        let address = try #require(URL(string: "https://example.com/orders.json"))
        let other = #expect(throws: Fixture.LoadingError.self) { try Fixture.load(contentsOf: address) }
        #expect(other?.description == "https://example.com/orders.json is no file")
    }

    @Test func whatIsNoFileOfFixturesIsSaid() throws {
        let file = file()
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: file) } }
        let folder = FileManager.default.temporaryDirectory.path(percentEncoded: false)
        let error = #expect(throws: Fixture.LoadingError.self) { try Fixture.load(contentsOf: folder) }
        #expect(error?.description == "\(folder) cannot be read: Is a directory")
        // An empty message would be sent in place of what is broken.
        for broken in [#""raw_base64": "***""#, #""body_base64": "QQ=""#, #""raw": 1"#] {
            try Data(#"{"cases": [{"name": "a", \#(broken)}]}"#.utf8).write(to: file)
            #expect(throws: Fixture.LoadingError.self, "\(broken)") { try Fixture.load(contentsOf: file) }
        }
    }

    @Test func anArgumentIsRedactedWhereverTheMessageHoldsIt() throws {
        let (fixture, text) = try redacted("args.0.card", "args.1")
        #expect(!text.contains("4111"))
        let payload = try fixture.payload()
        #expect(payload.args == [["name": "Ann", "card": "[redacted]"], 0])
        #expect(payload.chain?.first?.objectValue?["args"] == [["name": "Bob", "card": "[redacted]"], 0, 7])
        let request = try fixture.request()
        #expect(request.argsrepr == "[redacted]" && request.kwargsrepr == "[redacted]")
        #expect(request.id == "an-id" && request.headers["traceparent"] == "00-11")
    }

    @Test func anIndexMayCountFromTheEnd() throws {
        let (fixture, _) = try redacted("args.-1", "args.-9")
        let payload = try fixture.payload()
        #expect(payload.args == [["name": "Ann", "card": "4111"], 0])
        #expect(payload.chain?.first?.objectValue?["args"] == [["name": "Bob", "card": "4111"], 4111, 0])
    }

    @Test func pathsThatLeadToNothingAreKnown() throws {
        let paths = [
            "args.0.card", "args.2", "args.-3.name", "args.7", "kwargs.card", "headers.traceparent", "headers.trace",
            "args.*.age",
        ]
        let redaction = try FixtureRedaction(paths)
        var tally = RedactionTally()
        for fixture in [Fixture(name: "pay", Self.message), Fixture(name: "garbage", envelope: [0xFF])] {
            _ = redaction.apply(to: fixture.details, &tally)
        }
        // The callback has three arguments.
        #expect(
            paths.filter { !tally.hasFound($0) } == ["args.7", "kwargs.card", "headers.trace", "args.*.age"])
        #expect(tally.messages == 2 && tally.unreadable == 1)
    }

    @Test func pathsIntoHeadersOfRabbitMQThatLeadToNothingAreKnown() throws {
        let details: JSONObject = [
            "properties": ["content_type": "application/json"], "body": "[[1], {}, {}]",
            "headers": ["who": ["F", ["name": ["S", "Ann"]]], "tags": ["A", [["S", "vip"]]]],
        ]
        let paths = ["headers.who.name", "headers.tags.-1", "headers.who.age", "headers.tags.1", "headers.name"]
        var tally = RedactionTally()
        _ = try FixtureRedaction(paths).apply(to: details, &tally)
        #expect(paths.filter(tally.hasFound) == ["headers.who.name", "headers.tags.-1"])
    }

    @Test func valuesKeepTheirTypes() throws {
        let body: JSONValue = [
            [
                [
                    "text", 1.5, true, nil, [12],
                    ["day": ["__type__": "datetime", "__value__": "2026-01-02T03:04:05"]],
                    ["__type__": "uuid", "__value__": ["hex": "0123456789abcdef0123456789abcdef"]],
                ]
            ], [:], [:],
        ]
        var message = Self.message
        message.body = body.serialized()
        let (fixture, _) = try redacted("args", message: message)
        let args = try fixture.payload().args[0]
        #expect(
            args == [
                "[redacted]", 0.0, false, nil, [0],
                ["day": ["__type__": "datetime", "__value__": "1970-01-01T00:00:00"]],
                ["__type__": "uuid", "__value__": ["hex": "00000000000000000000000000000000"]],
            ])
    }

    @Test func headersAreRedactedByName() throws {
        let (fixture, text) = try redacted("headers.traceparent", "headers.baggage.*")
        let request = try fixture.request()
        #expect(request.headers["traceparent"] == "[redacted]")
        #expect(request.headers["baggage"] == ["user": "[redacted]", "age": 0])
        // The arguments are not asked for.
        #expect(text.contains("4111") && request.argsrepr == "('Ann', 4111)")
        #expect(try fixture.message.get().body == Self.message.body)
    }

    @Test func aCompressedBodyIsLookedInto() throws {
        var message = Self.message
        message.body = try Zlib.compress(message.body)
        message.headers["compression"] = "application/x-gzip"
        let (fixture, text) = try redacted("args.*.card", "args.1", message: message)
        #expect(!text.contains("4111") && text.contains("Ann"))
        #expect(try fixture.payload().args == [["name": "Ann", "card": "[redacted]"], 0])
    }

    @Test func whatCannotBeLookedIntoGoesAsAWhole() throws {
        let pickle = Message(
            contentType: "application/x-python-serialize", headers: ["task": "shop.pay", "id": "an-id"],
            body: Array("\u{80}secret".utf8))
        #expect(try redacted("args.0", message: pickle).fixture.message.get().body == Array("[redacted]".utf8))
        #expect(try redacted("headers.x", message: pickle).fixture.message.get().body == pickle.body)
        let garbage = Fixture(name: "garbage", envelope: Array("secret".utf8))
        #expect(try garbage.redacted(FixtureRedaction(["args.0"])).raw == Array("[redacted]".utf8))
    }

    @Test func oldProtocolsAreRedactedToo() throws {
        let body: JSONValue = [
            "task": "shop.pay", "id": "an-id", "args": ["4111"], "kwargs": [:],
            "callbacks": [
                ["task": "shop.mail", "args": ["4111"], "kwargs": [:], "options": ["argsrepr": "('4111',)"]]
            ],
        ]
        let (fixture, text) = try redacted("args.0", message: Message(body: body.serialized()))
        #expect(!text.contains("4111"))
        #expect(try fixture.payload().args == ["[redacted]"])
    }

    @Test func headersOfRabbitMQKeepTheirTypes() throws {
        let file = file()
        defer { #expect(throws: Never.self) { try FileManager.default.removeItem(at: file) } }
        let text = """
            {"cases": [{"name": "pay", "queue": "orders", "exchange": "", "routing_key": "orders",
            "properties": {"content_type": "application/json"},
            "headers": {"task": ["S", "shop.pay"], "id": ["S", "an-id"], "argsrepr": ["S", "('4111',)"],
             "who": ["F", {"name": ["S", "Ann"], "age": ["b", 41], "tags": ["A", [["S", "vip"]]]}]},
            "content_base64": "NDExMQ==",
            "body": "[[\\"F\\", {\\"card\\": \\"4111\\"}], {}, {}]"}]}
            """
        try Data(text.utf8).write(to: file)
        let fixture = try #require(try Fixture.load(contentsOf: file).first)
        let redaction = try FixtureRedaction(["args.1.card", "headers.who.name", "headers.who.tags"])
        let redacted = fixture.redacted(redaction)
        // It held all of it once more.
        #expect(redacted.details["content_base64"] == nil)
        #expect(redacted.details["headers"]?.objectValue?["argsrepr"] == ["S", "[redacted]"])
        #expect(
            redacted.details["headers"]?.objectValue?["who"] == [
                "F", ["name": ["S", "[redacted]"], "age": ["b", 41], "tags": ["A", [["S", "[redacted]"]]]],
            ])
        #expect(try redacted.payload().args == ["F", ["card": "[redacted]"]])
    }

    @Test(arguments: ["", "arg.0", "headers", "args..x", "kwargs.", "id"])
    func aPathThatMakesNoSenseIsAnError(_ path: String) {
        #expect(throws: FixtureRedaction.PathError.self) { try FixtureRedaction([path]) }
    }

    @Test func capturedMessagesOfAllKindsAreReplayed() async throws {
        let replay = try Replay {
            TaskHandler(named: "shop.pay") { context, args, _ in
                context.logger.info("paying")
                try await context.report(progress: 1, of: 1)
                try await context.enqueue(named: "shop.mail")
                return .integer(args.count)
            }
        }
        var late = Self.message
        late.headers["eta"] = "2001-01-01T00:00:00+00:00"
        late.headers["expires"] = "2001-01-01T00:00:00+00:00"
        late.headers["retries"] = 2
        let old: JSONValue = ["task": "shop.pay", "id": "old", "args": [1], "kwargs": [:]]
        for message in [Self.message, late, Message(body: old.serialized())] {
            let recording = await replay.record(Fixture(name: "pay", message))
            #expect(try recording.outcome.value(as: Int.self) > 0)
            #expect(recording.sent.map(\.name) == ["shop.mail"] && recording.log.map(\.message) == ["paying"])
            #expect(recording.reports.map(\.state.rawValue) == ["PROGRESS"])
        }
        let broken: [[UInt8]] = [[], [0xFF], Array("{}".utf8), Array(#"{"body": 1, "headers": []}"#.utf8)]
        for envelope in broken {
            let recording = await replay.record(Fixture(name: "broken", envelope: envelope))
            guard case .refused = recording.outcome else {
                Issue.record("\(envelope) led to \(recording.outcome)")
                continue
            }
        }
    }
}

extension TaskPayload {
    /// Arguments, and a chain whose next task has them too.
    fileprivate static var embedded: JSONValue {
        let card: JSONValue = ["name": "Bob", "card": "4111"]
        let next: JSONValue = ["task": "shop.mail", "args": [card, 4111, 7], "kwargs": [:], "options": [:]]
        return [
            [["name": "Ann", "card": "4111"], 4111], [:],
            ["callbacks": nil, "errbacks": nil, "chain": [next], "chord": nil],
        ]
    }
}
