import Celery
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct DefaultOptionsTests {
    private static let defaults = SendOptions(
        expires: .after(.seconds(60)), priority: 3, headers: ["tenant": "north", "region": "eu"], shadow: "shown",
        timeLimit: .seconds(30), ignoreResult: true, isCompressed: true)

    private func send(
        _ options: SendOptions, defaults: SendOptions = defaults, routing: Routing = .init(),
        in queue: String = "celery"
    ) async throws -> (message: Message, request: TaskRequest) {
        let broker = MemoryBroker()
        let client = try CeleryClient(
            broker: broker, routing: routing, defaultOptions: defaults, logger: Bench.logger)
        try await client.enqueue(named: "tasks.any", options: options)
        let envelope = try #require(broker.envelopes(in: queue).first)
        let message = try KombuEnvelope.decode(envelope)
        return (message, try TaskRequest(message))
    }

    @Test func theyCountWhereACallSaysNothing() async throws {
        let (message, request) = try await send(.init())
        #expect(message.properties.priority == 3 && message.properties.expiration == .seconds(60))
        #expect(message.headers["compression"] == "application/x-gzip" && request.expires != nil)
        #expect(request.headers["tenant"] == "north" && request.headers["region"] == "eu")
        #expect(request.shadow == "shown" && request.timeLimit == .seconds(30) && request.ignoreResult == true)
    }

    @Test func whatACallSaysCountsMore() async throws {
        let (message, request) = try await send(
            SendOptions(
                expires: .after(.seconds(5)), priority: 0, headers: ["tenant": "south"], shadow: "own",
                timeLimit: .seconds(1), ignoreResult: false, isCompressed: false))
        #expect(message.properties.priority == 0 && message.properties.expiration == .seconds(5))
        #expect(message.headers["compression"] == nil)
        #expect(request.headers["tenant"] == "south" && request.headers["region"] == "eu")
        #expect(request.shadow == "own" && request.timeLimit == .seconds(1) && request.ignoreResult == false)
    }

    @Test func theirPriorityCountsMoreThanTheRoutesAsInCelery() async throws {
        let routing = Routing(routes: [.init("tasks.*", to: "routed", priority: 7)])
        #expect(try await send(.init(), routing: routing, in: "routed").message.properties.priority == 3)
        let none = try await send(.init(), defaults: .init(), routing: routing, in: "routed")
        #expect(none.message.properties.priority == 7)
    }

    @Test func whereToSendIsOneThing() async throws {
        let defaults = SendOptions(queue: "theirs", exchange: "x", routingKey: "k")
        let own = try await send(.init(queue: "mine"), defaults: defaults, in: "mine").message.properties
        #expect(own.exchange == "" && own.routingKey == "mine")
    }

    @Test func anIdIsNoDefault() {
        #expect(throws: CeleryError.self) {
            try CeleryClient(broker: .memory, defaultOptions: .init(id: "one"), logger: Bench.logger)
        }
    }

    @Test func theTasksThatAWorkerSendsHaveThemToo() async throws {
        let seen = Notes<[String?]>()
        try await withTestCelery(defaultOptions: SendOptions(headers: ["tenant": "north"])) {
            TaskHandler(named: "tasks.leaf") { context, _, _ in
                seen.add([context.request.parentID, context.request.headers["tenant"]?.stringValue])
                return nil
            }
            TaskHandler(named: "tasks.parent") { context, _, _ in
                try await context.enqueue(named: "tasks.leaf")
                return nil
            }
        } _: { client in
            let parent = try await client.enqueue(named: "tasks.parent")
            let leaf = try await seen.next()
            #expect(leaf == [parent.id, "north"])
        }
    }

    @Test func whatFollowsATaskHasThemToo() async throws {
        let broker = RecordingBroker()
        let next = SuccessorTests.signature("tasks.next", id: "next", options: ["queue": "nobodys"])
        try await withBench(broker: broker, defaultOptions: SendOptions(priority: 4, headers: ["tenant": "north"])) {
            TaskHandler(named: "tasks.any") { _, _, _ in nil }
        } _: { bench async throws in
            let envelope = SuccessorTests.envelope("tasks.any", args: [], embed: ["callbacks": [next]])
            bench.broker.memory.push(envelope.bytes, to: "celery")
            _ = try await bench.client.handle(id: "first").value()
            let message = try #require(try bench.envelopes(in: "nobodys").first)
            #expect(message.headers["tenant"] == "north" && message.properties.priority == 4)
        }
    }

    @Test func theTasksThatATaskSendsHaveItsPriorityWhereThatIsWanted() async throws {
        let seen = Notes<[String: Int?]>()
        let routing = Routing(routes: [.init("tasks.routed", to: "celery", priority: 2)])
        try await withTestCelery(routing: routing, defaultOptions: SendOptions(inheritsPriority: true)) {
            for name in ["tasks.leaf", "tasks.routed"] {
                TaskHandler(named: name) { context, arguments, _ in
                    seen.add([arguments[0].stringValue ?? "": context.request.priority])
                    return nil
                }
            }
            TaskHandler(named: "tasks.parent") { context, _, _ in
                try await context.enqueue(named: "tasks.leaf", arguments: ["call"])
                try await context.enqueue(named: "tasks.leaf", arguments: ["own"], options: SendOptions(priority: 1))
                try await context.enqueue(
                    named: "tasks.leaf", arguments: ["not"], options: SendOptions(inheritsPriority: false))
                try await context.enqueue(named: "tasks.routed", arguments: ["route"])
                try await context.enqueue(group(["a", "b"].map { Signature(task: "tasks.leaf", arguments: [$0]) }))
                let next = Signature(task: "tasks.leaf", arguments: ["second"])
                try await context.enqueue(
                    Signature(task: "tasks.leaf", arguments: ["first"]).then(ignoringResult: next))
                // As in Celery a route counts more, in workflows too.
                let routed = Signature(task: "tasks.routed", arguments: ["routed-second"])
                try await context.enqueue(
                    Signature(task: "tasks.routed", arguments: ["routed-first"]).options(SendOptions(headers: ["x": 1]))
                        .then(ignoringResult: routed))
                return nil
            }
        } _: { client in
            try await client.enqueue(named: "tasks.parent", options: SendOptions(priority: 6))
            var priorities: [String: Int?] = [:]
            for _ in 0..<10 { priorities.merge(try await seen.next()) { $1 } }
            #expect(
                priorities == [
                    "call": 6, "own": 1, "not": 0, "route": 2, "a": 6, "b": 6, "first": 6, "second": 6,
                    "routed-first": 2, "routed-second": 2,
                ])
        }
    }

    @Test(arguments: [(nil, nil, 0), (true, nil, 1), (nil, true, 1), (false, true, 0)] as [(Bool?, Bool?, Int)])
    func theHeaderOfAChordHasItsErrbacksWhereThatIsWanted(own: Bool?, defaults: Bool?, count: Int) async throws {
        let broker = MemoryBroker()
        let client = try CeleryClient(
            broker: broker, backend: MemoryResultBackend(),
            defaultOptions: SendOptions(linksErrorsToHeaders: defaults), logger: Bench.logger)
        let note = Partial<String, JSONValue>(task: "tasks.note")
        let chord = group([Signature(task: "tasks.any")]).then(Partial<[JSONValue], JSONValue>(task: "tasks.sum"))
        try await client.enqueue(chord.linkError(note), options: SendOptions(linksErrorsToHeaders: own))
        // A chain hands on what is linked to it when it is sent.
        let chain = Signature(task: "tasks.first").then(ignoringResult: chord)
        try await client.enqueue(chain.linkError(note), options: SendOptions(linksErrorsToHeaders: own))
        let envelopes = broker.envelopes(in: "celery")
        #expect(envelopes.count == 2)
        let header = try TaskPayload(KombuEnvelope.decode(envelopes[0]))
        #expect(header.errbacks.count == count)
        let first = try TaskPayload(KombuEnvelope.decode(envelopes[1]))
        let rest = try CanvasNode(try #require(first.chain?.first))
        guard case .chord(let tasks, _) = rest.kind else {
            Issue.record("\(rest)")
            return
        }
        #expect(tasks.tasks.first?.options["link_error"]?.arrayValue?.count ?? 0 == count)
    }

    @Test(arguments: [(nil, nil, 4), (nil, 1, 2), (0, 5, 1), (2, nil, 3)] as [(Int?, Int?, Int)])
    func aBrokenConnectionIsTriedAsOftenAsTheOptionsSay(own: Int?, defaults: Int?, tries: Int) async throws {
        var broker = RecordingBroker()
        let count = Counter()
        broker.takes = { _ in
            count.next()
            throw TransportError(.connectionLost, "gone")
        }
        let client = try CeleryClient(
            broker: broker, defaultOptions: SendOptions(publishRetries: defaults), logger: Bench.logger)
        await #expect(throws: TransportError.self) {
            try await client.enqueue(named: "tasks.any", options: SendOptions(publishRetries: own))
        }
        #expect(count.total == tries)
        let flow = Signature(task: "tasks.any").then(Partial(task: "tasks.next"))
        await #expect(throws: TransportError.self) {
            try await client.enqueue(flow, options: SendOptions(publishRetries: own))
        }
        #expect(count.total == 2 * tries)
    }
}
