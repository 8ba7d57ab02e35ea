import Celery
import CeleryProtocol
import CeleryTransport
import ServiceLifecycle
import TestSupport
import Testing

/// Callbacks, errbacks and chains, as Python senders write them into a task's message.
@Suite(.timeLimit(.minutes(1))) struct SuccessorTests {
    static func signature(
        _ task: String, _ args: JSONValue = [], id: String? = nil, immutable: Bool = false, options: JSONObject = [:]
    ) -> JSONValue {
        var options = options
        if let id { options["task_id"] = .string(id) }
        return [
            "task": .string(task), "args": args, "kwargs": [:], "options": .object(options), "subtask_type": nil,
            "immutable": .bool(immutable),
        ]
    }

    static func envelope(
        _ task: String = "tasks.add", args: JSONValue = [1, 2], headers: JSONObject = [:], embed: JSONValue
    ) -> Envelope {
        var all: JSONObject = ["task": .string(task), "id": "first", "root_id": "root"]
        for (key, value) in headers { all[key] = value }
        return Envelope(headers: all, body: [args, [:], embed])
    }

    /// Runs a message on a worker that adds and fails, until the task of this id has ended.
    func run<Value: Sendable>(_ envelope: Envelope, _ body: (Bench) async throws -> Value) async throws -> Value {
        try await withBench {
            TaskHandler(named: "tasks.add") { _, args, _ in
                .integer(args.compactMap(\.integerValue).reduce(0, +))
            }
            TaskHandler(named: "tasks.request") { context, args, _ in
                [
                    context.request.rootID.map(JSONValue.string) ?? nil,
                    context.request.parentID.map(JSONValue.string) ?? nil,
                    context.request.group.map(JSONValue.string) ?? nil,
                    context.request.groupIndex.map(JSONValue.integer) ?? nil, .array(args),
                ]
            }
            TaskHandler(named: "tasks.fail") { _, _, _ in throw TaskFailure(type: "ValueError", message: "boom") }
        } _: { bench async throws in
            bench.broker.memory.push(envelope.bytes, to: "celery")
            return try await body(bench)
        }
    }

    @Test func aCallbackGetsTheResultBeforeItsOwnArguments() async throws {
        let callback = Self.signature("tasks.request", ["own"], id: "next")
        try await run(Self.envelope(embed: ["callbacks": [callback]])) { bench async throws in
            #expect(try await bench.client.handle(id: "next").value() == ["root", "first", nil, nil, [3, "own"]])
            // A callback is sent before the result is stored, and may well be done first.
            _ = try await bench.client.handle(id: "first").value()
            let first = try await bench.client.handle(id: "first").result()
            #expect(first?.children == [[["next", nil], nil]])
        }
    }

    @Test func anImmutableCallbackGetsOnlyItsOwn() async throws {
        let callback = Self.signature("tasks.add", [40, 2], id: "next", immutable: true)
        try await run(Self.envelope(embed: ["callbacks": [callback]])) { bench async throws in
            #expect(try await bench.client.handle(id: "next").value() == 42)
        }
    }

    @Test func severalCallbacksAreAGroup() async throws {
        let callbacks: JSONValue = [
            Self.signature("tasks.request", id: "a"), Self.signature("tasks.request", id: "b"),
        ]
        try await run(Self.envelope(embed: ["callbacks": callbacks])) { bench async throws in
            let first = try #require(try await bench.client.handle(id: "a").value().arrayValue)
            let second = try #require(try await bench.client.handle(id: "b").value().arrayValue)
            #expect(first[2].stringValue != nil)
            #expect(first[2] == second[2])
            #expect([first[3], second[3]] == [0, 1])
            _ = try await bench.client.handle(id: "first").value()
            let children = try await bench.client.handle(id: "first").result()?.children
            #expect(children == [[[first[2], nil], [[["a", nil], nil], [["b", nil], nil]]]])
        }
    }

    @Test func aChainRunsToItsEnd() async throws {
        // The next step is the last of the list.
        let chain: JSONValue = [
            Self.signature("tasks.add", [1000], id: "d"), Self.signature("tasks.add", [100], id: "c"),
            Self.signature("tasks.add", [10], id: "b"),
        ]
        try await run(Self.envelope(embed: ["chain": chain])) { bench async throws in
            // Each step is sent before the result of the one before is stored.
            for id in ["first", "b", "c"] { _ = try await bench.client.handle(id: id).value() }
            #expect(try await bench.client.handle(id: "d").value() == 1113)
            #expect(try await bench.client.handle(id: "first").result()?.children == [[["b", nil], nil]])
            #expect(try await bench.client.handle(id: "b").result()?.parentID == "first")
            #expect(try await bench.client.handle(id: "d").result()?.parentID == "c")
        }
    }

    @Test func aFailureEndsTheChain() async throws {
        let chain: JSONValue = [
            Self.signature("tasks.add", [1], id: "c"), Self.signature("tasks.add", [1], id: "b"),
        ]
        try await run(Self.envelope("tasks.fail", embed: ["chain": chain])) { bench async throws in
            for id in ["first", "b", "c"] {
                let failure = await #expect(throws: TaskFailure.self) {
                    try await bench.client.handle(id: id).value()
                }
                #expect(failure?.description == "ValueError('boom')")
            }
        }
    }

    @Test func anErrbackGetsTheIdOfTheFailedTask() async throws {
        let embed: JSONValue = [
            "errbacks": [Self.signature("tasks.request", ["own"], id: "told")],
            "callbacks": [Self.signature("tasks.add", id: "never")],
        ]
        try await run(Self.envelope("tasks.fail", embed: embed)) { bench async throws in
            let request = try #require(try await bench.client.handle(id: "told").value().arrayValue)
            #expect(request[0] == "root")
            #expect(request[1] == "first")
            #expect(request[4] == ["first", "own"])
            #expect(try await bench.client.handle(id: "never").status() == .pending)
        }
    }

    @Test func theOptionsOfASignatureAreKept() async throws {
        let options: JSONObject = [
            "queue": "other", "priority": 7, "shadow": "nice", "countdown": 100, "expires": 200.5,
            "reply_to": "replies", "time_limit": 5, "soft_time_limit": 2.5, "ignore_result": true,
            "headers": ["tenant": "acme"], "stamped_headers": ["s"], "s": "stamp", "link_error": Self.signature("e"),
        ]
        let callback = Self.signature("tasks.add", id: "next", options: options)
        let broker = RecordingBroker()
        try await withBench(broker: broker, options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.add") { _, _, _ in 3 }
        } _: { bench async throws in
            let first = Self.envelope(embed: ["callbacks": [callback]])
            #expect(try await bench.settlement(of: first.bytes) == .acknowledge)
            let message = try #require(try bench.envelopes(in: "other").first)
            #expect(message.properties.priority == 7)
            #expect(message.properties.replyTo == "replies")
            #expect(message.properties.correlationID == "next")
            #expect(message.headers["shadow"] == "nice")
            #expect(message.headers["timelimit"] == [5, 2.5])
            #expect(message.headers["ignore_result"] == true)
            #expect(message.headers["tenant"] == "acme")
            #expect(message.headers["stamped_headers"] == ["s"])
            #expect(message.headers["stamps"] == ["s": "stamp"])
            #expect(message.headers["eta"]?.stringValue != nil)
            #expect(message.headers["expires"]?.stringValue != nil)
            #expect(try TaskPayload(message).errbacks == [Self.signature("e")])
            #expect(try TaskPayload(message).args == [3])
        }
    }

    @Test(arguments: [(-5, 0), ("3", 3), (2, 2)] as [(JSONValue, JSONValue)])
    func theRetriesOfASignatureAreCountedFromZero(written: JSONValue, count: JSONValue) async throws {
        let callback = Self.signature("tasks.add", id: "next", options: ["queue": "other", "retries": written])
        try await run(Self.envelope(embed: ["callbacks": [callback]])) { bench async throws in
            _ = try await bench.client.handle(id: "first").value()
            #expect(try bench.envelopes(in: "other").first?.headers["retries"] == count)
        }
    }

    /// As kombu writes what `apply_async` was given.
    @Test func theTimesOfASignatureAreKept() async throws {
        let times: JSONObject = [
            "eta": ["__type__": "datetime", "__value__": "2050-01-02T03:04:05.678901+00:00"],
            "expires": ["__type__": "datetime", "__value__": "2051-01-02T05:04:05+02:00"],
        ]
        let callback = Self.signature("tasks.add", id: "next", options: times)
        try await run(Self.envelope(embed: ["callbacks": [callback]])) { bench async throws in
            _ = try await bench.client.handle(id: "first").value()
            await bench.services.triggerGracefulShutdown()
            while try await bench.broker.events.next() != .closed {}
            let message = try #require(try bench.envelopes().first)
            #expect(message.headers["eta"] == "2050-01-02T03:04:05.678901+00:00")
            #expect(message.headers["expires"] == "2051-01-02T03:04:05+00:00")
        }
    }

    /// Numbers that a calendar does not hold, and texts that are no times.
    @Test(
        arguments: [
            ["countdown": .double(.infinity)], ["countdown": .double(.nan)], ["countdown": 1e300],
            ["expires": .double(-.infinity)], ["expires": .integer(.max)],
            ["countdown": .bigInteger("1" + String(repeating: "0", count: 400))],
            ["eta": "tomorrow"], ["expires": "2001-99-99"], ["eta": 5], ["countdown": "soon"], ["expires": [1]],
            ["eta": ["__type__": "date", "__value__": "no date"]],
        ] as [JSONObject])
    func aSuccessorThatCannotBeSentIsAFailureOfTheTask(options: JSONObject) async throws {
        let callback = Self.signature("tasks.add", id: "next", options: options)
        try await run(Self.envelope(embed: ["callbacks": [callback]])) { bench async throws in
            let failure = await #expect(throws: TaskFailure.self) {
                try await bench.client.handle(id: "first").value()
            }
            #expect(failure?.message.isEmpty == false)
        }
    }

    @Test(
        arguments: [
            ["chain": [["subtask_type": "chord", "task": "celery.chord"]]], ["callbacks": ["tasks.add"]],
            ["callbacks": [["args": []]]], ["errbacks": [5]],
        ] as [JSONValue])
    func aWorkflowThatCannotBeReadIsRefusedBeforeItRuns(embed: JSONValue) async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker) {
            TaskHandler(named: "tasks.add") { _, _, _ in
                Issue.record("it must not run")
                return 0
            }
        } _: { bench async throws in
            var envelope = Self.envelope(embed: embed)
            envelope.headers["group"] = "a-group"
            let settlement = try await bench.settlement(of: envelope.bytes)
            guard case .deadLetter = settlement else {
                Issue.record("it is no dead letter but \(settlement)")
                return
            }
            let failure = try await bench.client.handle(id: "first").result()?.failure
            #expect(failure?.type == "InvalidTaskError")
        }
    }
}
