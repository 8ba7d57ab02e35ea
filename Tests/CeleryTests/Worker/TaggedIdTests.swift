import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

/// Messages whose sender gave objects of Python where Celery expects texts: kombu writes them as tagged values.
@Suite(.timeLimit(.minutes(1))) struct TaggedIdTests {
    static func uuid(_ last: Int) -> JSONValue {
        ["__type__": "uuid", "__value__": ["hex": .string("0000000000004000800000000000000\(last)")]]
    }

    static func text(_ last: Int) -> String { "00000000-0000-4000-8000-00000000000\(last)" }

    static func bytes(_ text: String) -> JSONValue { ["__type__": "bytes", "__value__": .string(text)] }

    func request(_ envelope: Envelope, id: String = text(1)) async throws -> TaskRequest {
        let requests = Notes<TaskRequest>()
        return try await withBench(options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.echo") { context, _, _ in
                requests.add(context.request)
                return 1
            }
        } _: { bench async throws in
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            #expect(try await bench.client.handle(id: id).value() == 1)
            return try await requests.next()
        }
    }

    @Test func aTaskIsKnownByTheTextOfItsTaggedId() async throws {
        var envelope = Envelope(headers: [
            "task": Self.bytes("tasks.echo"), "id": Self.uuid(1), "root_id": Self.uuid(2), "parent_id": Self.uuid(3),
            "group": Self.uuid(4), "shadow": Self.bytes("nice"), "origin": Self.bytes("gen1@host"),
            "expires": ["__type__": "datetime", "__value__": "2999-01-02T03:04:05+00:00"],
        ])
        envelope.properties["correlation_id"] = Self.uuid(1)
        envelope.properties["reply_to"] = Self.uuid(5)
        envelope.properties["delivery_info"] = ["exchange": Self.bytes("x"), "routing_key": Self.bytes("key")]
        let request = try await request(envelope)
        #expect(request.task == "tasks.echo")
        #expect(request.rootID == Self.text(2))
        #expect(request.parentID == Self.text(3))
        #expect(request.group == Self.text(4))
        #expect(request.shadow == "nice")
        #expect(request.origin == "gen1@host")
        #expect(request.correlationID == Self.text(1))
        #expect(request.replyTo == Self.text(5))
        #expect(request.delivery.exchange == "x")
        #expect(request.delivery.routingKey == "key")
        #expect(request.expires != nil)
    }

    @Test func aBodyOfBytesIsRead() async throws {
        var envelope = Envelope(headers: ["task": "tasks.echo", "id": Self.uuid(1)])
        envelope.properties["body_encoding"] = nil
        var object = try #require(try JSONValue(json: envelope.bytes).objectValue)
        object["body"] = Self.bytes("[[], {}, {}]")
        let body = try KombuEnvelope.decode(object.serialized()).body
        #expect(body == Array("[[], {}, {}]".utf8))
    }

    @Test func protocol1HasTaggedIdsToo() async throws {
        let body: JSONValue = [
            "task": "tasks.echo", "id": Self.uuid(1), "args": [], "kwargs": [:], "taskset": Self.uuid(4),
        ]
        #expect(try await request(Envelope(headers: [:], body: body)).group == Self.text(4))
    }

    @Test func theStepsOfAChainKeepTheirTaggedIds() async throws {
        let steps: [JSONValue] = [3, 2].map { number in
            ["task": "tasks.echo", "args": [], "kwargs": [:], "options": ["task_id": Self.uuid(number)]]
        }
        let envelope = Envelope(
            headers: ["task": "tasks.echo", "id": Self.uuid(1)], body: [[], [:], ["chain": .array(steps)]])
        try await withBench {
            TaskHandler(named: "tasks.echo") { context, _, _ in context.request.parentID.map(JSONValue.string) ?? nil }
        } _: { bench async throws in
            bench.broker.memory.push(envelope.bytes, to: "celery")
            #expect(try await bench.client.handle(id: Self.text(2)).value() == .string(Self.text(1)))
            #expect(try await bench.client.handle(id: Self.text(3)).value() == .string(Self.text(2)))
        }
    }

    @Test func theStepsThatAFailureAbandonsAreToldByTheirTaggedIds() async throws {
        let steps: JSONValue = [
            ["task": "tasks.fail", "options": ["task_id": Self.uuid(3)]], ["task": "tasks.fail"],
            ["task": "tasks.fail", "options": ["task_id": Self.uuid(2)]],
        ]
        let envelope = Envelope(
            headers: ["task": "tasks.fail", "id": Self.uuid(1)], body: [[], [:], ["chain": steps]])
        try await withBench {
            TaskHandler(named: "tasks.fail") { _, _, _ in throw TaskFailure(type: "ValueError", message: "boom") }
        } _: { bench async throws in
            bench.broker.memory.push(envelope.bytes, to: "celery")
            for number in 1...3 {
                let failure = await #expect(throws: TaskFailure.self) {
                    try await bench.client.handle(id: Self.text(number)).value()
                }
                #expect(failure?.message == "boom")
            }
        }
    }

    @Test(arguments: ["task_id", "root_id", "parent_id", "group_id", "reply_to"])
    func aStepWhoseIdCannotBeReadIsRefusedByName(key: String) async throws {
        let step: JSONValue = ["task": "tasks.echo", "options": [key: ["__type__": "base64", "__value__": "//4="]]]
        let other: JSONValue = ["task": "tasks.echo", "options": ["task_id": Self.uuid(2)]]
        let envelope = Envelope(
            headers: ["task": "tasks.echo", "id": Self.uuid(1)], body: [[], [:], ["chain": [other, step]]])
        try await withBench {
            TaskHandler(named: "tasks.echo") { _, _, _ in
                Issue.record("it must not run")
                return 0
            }
        } _: { bench async throws in
            bench.broker.memory.push(envelope.bytes, to: "celery")
            // Whoever waits for another step is told as well.
            for number in 1...2 {
                let failure = await #expect(throws: TaskFailure.self) {
                    try await bench.client.handle(id: Self.text(number)).value()
                }
                #expect(failure?.message.hasPrefix("invalid \(key) value ") == true)
            }
        }
    }
}
