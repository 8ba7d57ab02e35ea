import Celery
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import Foundation
import Testing

/// What a client writes, compared with what Celery 5.7 wrote for the same call.
@Suite(.timeLimit(.minutes(1))) struct SentMessageTests {
    static let add = TaskDefinition(
        "swift.add", Parameter("x", as: Int.self), Parameter("y", as: Int.self), returning: Int.self)

    func captured(_ name: String) throws -> Message {
        let path = try #require(try FixtureFiles.paths("redis-messages").first { $0.hasSuffix("/celery-5.7.0.json") })
        return try #require(try Fixture.load(contentsOf: path).first { $0.name == name }).message.get()
    }

    func sent(_ options: SendOptions, by send: (CeleryClient, SendOptions) async throws -> Void) async throws -> Message
    {
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker, backend: MemoryResultBackend(), logger: Bench.logger)
        try await send(client, options)
        return try KombuEnvelope.decode(try #require(broker.envelopes(in: options.queue ?? "celery").first))
    }

    /// Both messages as text, without what must differ.
    func compare(_ ours: Message, _ theirs: Message) {
        var (ours, theirs) = (ours, theirs)
        // Celery's sender knows the task's own option; here the worker does, as after `send_task`.
        #expect(ours.headers["ignore_result"] == .null)
        theirs.headers["ignore_result"] = .null
        #expect(ours.headers["lang"] == "swift")
        #expect(theirs.headers["lang"] == "py")
        #expect(ours.headers["origin"]?.stringValue?.wholeMatch(of: /gen[0-9]+@.+/) != nil)
        for key in ["lang", "origin"] {
            ours.headers[key] = .null
            theirs.headers[key] = .null
        }
        #expect(ours.properties.replyTo?.count == theirs.properties.replyTo?.count)
        (ours.properties.replyTo, theirs.properties.replyTo) = ("", "")
        // The broker's own.
        (ours.properties.deliveryTag, theirs.properties.deliveryTag) = (nil, nil)
        #expect(ours.headers.entries.map(\.key) == theirs.headers.entries.map(\.key))
        for (key, value) in theirs.headers { #expect(ours.headers[key] == value, "\(key)") }
        #expect(ours.body.text == theirs.body.text)
        #expect(KombuEnvelope.encode(ours).text == KombuEnvelope.encode(theirs).text)
    }

    @Test func aPlainCallIsWrittenAsCeleryWritesIt() async throws {
        let theirs = try captured("plain-args")
        let ours = try await sent(.init(id: theirs.headers["id"]?.stringValue)) { client, options in
            try await client.enqueue(Self.add(2, 3), options: options)
        }
        compare(ours, theirs)
    }

    @Test func keywordsAreWrittenAsCeleryWritesThem() async throws {
        let theirs = try captured("plain-kwargs")
        let ours = try await sent(.init(id: theirs.headers["id"]?.stringValue)) { client, options in
            try await client.enqueue(Self.add.keywords(2, 3), options: options)
        }
        compare(ours, theirs)
    }

    @Test func aCallByNameLeavesIgnoreResultToTheReceiver() async throws {
        let theirs = try captured("by-name-unknown")
        let ours = try await sent(.init(id: theirs.headers["id"]?.stringValue)) { client, options in
            try await client.enqueue(
                named: "legacy.job", arguments: ["a", 1], keywords: ["dry_run": true], options: options)
        }
        #expect(ours.headers["ignore_result"] == .null)
        compare(ours, theirs)
    }

    @Test(arguments: ["shadow", "eta", "expires-date", "priority-9", "queue", "countdown-zero"])
    func anOptionIsWrittenAsCeleryWritesIt(name: String) async throws {
        let theirs = try captured(name)
        func date(_ key: String) throws -> Date? {
            try theirs.headers[key]?.stringValue.map { try PythonDateTime(isoparse: $0).date() }
        }
        var options = SendOptions(id: theirs.headers["id"]?.stringValue)
        options.shadow = theirs.headers["shadow"]?.stringValue
        options.eta = try date("eta").map(SendOptions.Time.at)
        options.expires = try date("expires").map(SendOptions.Time.at)
        options.priority = theirs.properties.priority
        if name == "queue" { options.queue = "reports" }
        if name == "countdown-zero" { options.eta = .after(.zero) }
        var ours = try await sent(options) { client, options in
            try await client.enqueue(Self.add(2, 3), options: options)
        }
        if name == "expires-date" {
            // The milliseconds are counted from now on; 2050 is further than RabbitMQ takes.
            let limit = Date().addingTimeInterval(4_294_967)
            #expect((ours.properties.expiration == nil) == (try date("expires").map { $0 > limit }))
            ours.properties.expiration = theirs.properties.expiration
        }
        compare(ours, theirs)
    }

    @Test func aCountdownBecomesAnEtaFromNow() async throws {
        let before = Date()
        let message = try await sent(.init(countdown: .seconds(100), expires: .after(.milliseconds(200_500)))) {
            client, options in
            try await client.enqueue(Self.add(1, 2), options: options)
        }
        func date(_ key: String) throws -> Double {
            try PythonDateTime(isoparse: try #require(message.headers[key]?.stringValue)).date().timeIntervalSince(
                before)
        }
        #expect(try (99.9...160).contains(date("eta")))
        #expect(try (200.4...260).contains(date("expires")))
        #expect(message.properties.expiration == .milliseconds(200_500))
    }

    @Test(
        arguments: [
            (.microseconds(1_001_900), 1001), (.milliseconds(1001), 1000), (.microseconds(999), 0),
            (.seconds(-5), 0),
            (.seconds(4_294_968), nil),
        ] as [(Duration, Int?)])
    func anExpiryIsCutToMillisecondsAsPythonDoesIt(expires: Duration, written: Int?) async throws {
        let message = try await sent(.init(expires: .after(expires))) { client, options in
            try await client.enqueue(Self.add(1, 2), options: options)
        }
        #expect(message.properties.expiration == written.map { .milliseconds($0) })
    }

    @Test func argumentsWithLoneSurrogatesAreWrittenAsCeleryWritesThem() async throws {
        let theirs = try captured("json-lone-surrogates")
        let ours = try await sent(.init(id: theirs.headers["id"]?.stringValue)) { client, options in
            try await client.enqueue(
                named: "swift.echo", arguments: try TaskPayload(theirs).args, options: options)
        }
        #expect(ours.headers["argsrepr"] == theirs.headers["argsrepr"])
        #expect(ours.headers["argsrepr"]?.description == #""('\ud800', 'a\udfffb', '\udc00\ud800')""#)
        #expect(ours.body == theirs.body)
    }

    @Test func timeLimitsHeadersAndIgnoredResultsAreWritten() async throws {
        let options = SendOptions(
            headers: ["tenant": "a", "depth": 2], timeLimit: .seconds(20), softTimeLimit: .seconds(1.5),
            ignoreResult: true)
        let message = try await sent(options) { client, options in
            try await client.enqueue(Self.add(1, 2), options: options)
        }
        #expect(message.headers["timelimit"] == [20, 1.5])
        #expect(message.headers["tenant"] == "a")
        #expect(message.headers["depth"] == 2)
        #expect(message.headers["ignore_result"] == true)
    }

    @Test func aCompressedBodyIsAZlibStream() async throws {
        let message = try await sent(.init(isCompressed: true)) { client, options in
            try await client.enqueue(Self.add(1, 2), options: options)
        }
        #expect(message.headers["compression"] == "application/x-gzip")
        #expect(message.body.first == 0x78)
        #expect(try TaskPayload(message).args == [1, 2])
    }

    @Test(arguments: [SendOptions.Time.after(.seconds(Int64.max)), .at(Date(timeIntervalSince1970: .infinity))])
    func aTimeThatPythonDoesNotKnowIsRefused(time: SendOptions.Time) async throws {
        let client = try CeleryClient(broker: MemoryBroker(), logger: Bench.logger)
        for key in [\SendOptions.eta, \.expires] {
            var options = SendOptions()
            options[keyPath: key] = time
            let error = await #expect(throws: CeleryError.self) {
                try await client.enqueue(Self.add(1, 2), options: options)
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test(arguments: [-1, 256, Int.max])
    func aPriorityThatNoMessageHoldsIsRefused(priority: Int) async throws {
        let client = try CeleryClient(broker: MemoryBroker(), logger: Bench.logger)
        let error = await #expect(throws: CeleryError.self) {
            try await client.enqueue(Self.add(1, 2), options: SendOptions(priority: priority))
        }
        #expect(error?.code == .invalidArgument && error?.message.contains("\(priority)") == true)
    }

    @Test func everyTaskHasItsOwnIdAndIsItsOwnRoot() async throws {
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        let ids = [try await client.enqueue(Self.add(1, 2)).id, try await client.enqueue(Self.add(1, 2)).id]
        #expect(Set(ids).count == 2)
        for (id, envelope) in zip(ids, broker.envelopes(in: "celery")) {
            let message = try KombuEnvelope.decode(envelope)
            #expect(message.headers["id"]?.stringValue == id)
            #expect(message.headers["root_id"]?.stringValue == id)
            #expect(message.headers["parent_id"] == .null)
            #expect(message.properties.correlationID == id)
            #expect(UUID(uuidString: id) != nil)
            #expect(id == id.lowercased())
        }
    }

    @Test(arguments: [("", nil), ("swift.add", "")] as [(String, String?)])
    func aTaskWithoutANameOrWithAnEmptyIDIsNotSent(name: String, id: String?) async throws {
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        await #expect(throws: CeleryError.self) { try await client.enqueue(named: name, options: SendOptions(id: id)) }
        #expect(broker.envelopes(in: "celery").isEmpty)
    }
}
