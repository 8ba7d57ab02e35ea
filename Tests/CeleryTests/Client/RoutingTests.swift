import CeleryProtocol
import CeleryTransport
import Testing

@testable import Celery

@Suite(.timeLimit(.minutes(1))) struct RoutingTests {
    @Test(arguments: [
        ("images.*", "images.resize", true), ("images.*", "images.", true), ("images.*", "image.resize", false),
        ("*", "anything", true), ("*", "", true), ("*.resize", "a.b.resize", true), ("a*b*c", "a1b2c", true),
        ("a*b*c", "acb", false), ("?.x", "a.x", true), ("?.x", "ab.x", false), ("exact", "exact", true),
        ("exact", "exactly", false), ("", "", true), ("", "a", false), ("**a", "bba", true),
        ("a.b", "axb", false), ("*é*", "caffé!", true),
    ])
    func aPatternMatchesAsInCelery(pattern: String, task: String, matches: Bool) {
        let routing = Routing(routes: [.init(pattern, to: "q")])
        #expect((routing.route(for: task) != nil) == matches)
    }

    @Test func manyStarsAreNotExponential() {
        let routing = Routing(routes: [.init(String(repeating: "a*", count: 40) + "b", to: "q")])
        #expect(routing.route(for: String(repeating: "a", count: 5000)) == nil)
    }

    @Test func theFirstRouteThatMatchesCounts() {
        let routing = Routing(routes: [.init("a.special", to: "one", priority: 3), .init("a.*", to: "two")])
        #expect(routing.route(for: "a.special")?.queue?.name == "one")
        #expect(routing.route(for: "a.special")?.priority == 3)
        #expect(routing.route(for: "a.other")?.queue?.name == "two")
        #expect(routing.route(for: "b") == nil)
    }

    /// Where a message goes, and how.
    struct Sent {
        var exchange: String?
        var routingKey: String?
        var priority: Int?
    }

    func send(
        _ task: String, _ options: SendOptions = .init(), routing: Routing, expectIn queue: String
    ) async throws -> Sent {
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker, routing: routing, logger: Bench.logger)
        try await client.enqueue(named: task, options: options)
        let envelopes = broker.envelopes(in: queue)
        let message = try KombuEnvelope.decode(try #require(envelopes.first, "nothing in \(queue)"))
        #expect(envelopes.count == 1)
        return Sent(
            exchange: message.properties.exchange, routingKey: message.properties.routingKey,
            priority: message.properties.priority)
    }

    @Test func tasksGoToTheQueueOfTheirRoute() async throws {
        let routing = Routing(routes: [.init("images.*", to: "images", priority: 6)])
        let routed = try await send("images.resize", routing: routing, expectIn: "images")
        #expect(routed.exchange == "")
        #expect(routed.routingKey == "images")
        #expect(routed.priority == 6)
        let other = try await send("mail.send", routing: routing, expectIn: "celery")
        #expect(other.routingKey == "celery")
        #expect(other.priority == 0)
    }

    @Test func theCallersQueueAndPriorityCountMore() async throws {
        let routing = Routing(routes: [.init("*", to: "routed", priority: 6)])
        let sent = try await send("a", .init(queue: "mine", priority: 9), routing: routing, expectIn: "mine")
        #expect(sent.priority == 9)
        #expect(sent.routingKey == "mine")
        let kept = try await send("a", .init(priority: 1), routing: routing, expectIn: "routed")
        #expect(kept.priority == 1)
    }

    @Test func anotherDefaultQueueIsUsed() async throws {
        let sent = try await send("a", routing: Routing(defaultQueue: "main"), expectIn: "main")
        #expect(sent.exchange == "")
    }

    @Test func aFanoutQueueIsReachedThroughItsExchange() async throws {
        let queue = Queue("news.one", exchange: "news", exchangeType: .fanout, routingKey: "")
        let sent = try await send(
            "a", .init(queue: "news.one"), routing: Routing(queues: [queue]), expectIn: "news.one")
        #expect(sent.exchange == "news")
    }

    @Test func whatIsBroadcastReachesEveryQueueOfItsNameAndDeclaresNone() async throws {
        let broker = MemoryBroker()
        let (mine, yours) = (Queue.broadcast("news"), Queue.broadcast("news"))
        for queue in [mine, yours] {
            _ = try await broker.makeConsumer(
                ConsumerConfiguration(queues: [queue], prefetch: 1), logger: Bench.logger)
        }
        let routing = Routing(routes: [.init("b", to: .broadcast("news"))], queues: [.broadcast("news")])
        let client = try CeleryClient(broker: broker, routing: routing, logger: Bench.logger)
        try await client.enqueue(named: "a", options: .init(queue: "news"))
        try await client.enqueue(named: "b")
        for queue in [mine, yours] {
            let messages = try broker.envelopes(in: queue.name).map { try KombuEnvelope.decode($0) }
            #expect(messages.map(\.properties.routingKey) == ["celery", "celery"])
            #expect(messages.map(\.properties.exchange) == ["news", "news"])
        }
        #expect(broker.envelopes(in: routing.queues[0].name).isEmpty)
    }

    @Test func anExplicitExchangeAndKeyAreTaken() async throws {
        let queue = Queue("reports", exchange: "office", routingKey: "daily")
        let broker = MemoryBroker()
        _ = try await broker.makeConsumer(ConsumerConfiguration(queues: [queue], prefetch: 1), logger: Bench.logger)
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        try await client.enqueue(named: "a", options: .init(exchange: "office", routingKey: "daily"))
        let message = try KombuEnvelope.decode(try #require(broker.envelopes(in: "reports").first))
        #expect(message.properties.exchange == "office")
        #expect(message.properties.routingKey == "daily")
    }

    /// What a route and a call say, and where Celery 5.7 sends the task (`Router.route`, `send_task_message`).
    struct Way: Sendable {
        var route: Routing.Route?
        var call: SendOptions
        var exchange: String
        var key: String
        var priority = 0
    }

    private static let direct = Queue("d", exchange: "de", routingKey: "dk")
    private static let topic = Queue("t", exchange: "te", exchangeType: .topic, routingKey: "t.#")

    private static let ways: [Way] = [
        Way(call: .init(), exchange: "", key: "main"),
        Way(call: .init(routingKey: "k"), exchange: "", key: "main"),
        Way(call: .init(exchange: "x", routingKey: "k"), exchange: "x", key: "k"),
        Way(call: .init(queue: "d", routingKey: "k"), exchange: "", key: "d"),
        Way(call: .init(queue: "d", exchange: "x"), exchange: "", key: "d"),
        Way(call: .init(queue: "d", exchange: "x", routingKey: "k"), exchange: "x", key: "k"),
        Way(call: .init(queue: "t"), exchange: "te", key: "t.#"),
        Way(call: .init(queue: "t", routingKey: "t.k"), exchange: "te", key: "t.k"),
        Way(route: .init("a", to: direct, routingKey: "k"), call: .init(), exchange: "", key: "d"),
        Way(route: .init("a", to: direct, exchange: "x"), call: .init(), exchange: "", key: "d"),
        Way(route: .init("a", to: topic, routingKey: "t.k"), call: .init(), exchange: "te", key: "t.k"),
        Way(route: .init("a", routingKey: "k"), call: .init(), exchange: "", key: "main"),
        Way(route: .init("a", exchange: "x", routingKey: "k"), call: .init(), exchange: "x", key: "k"),
        Way(route: .init("a", to: direct), call: .init(routingKey: "k"), exchange: "", key: "d"),
        Way(route: .init("a", to: direct), call: .init(exchange: "x", routingKey: "k"), exchange: "x", key: "k"),
        Way(route: .init("a", to: topic), call: .init(routingKey: "k"), exchange: "te", key: "k"),
        Way(
            route: .init("a", to: topic, routingKey: "t.k", priority: 5), call: .init(queue: "t"), exchange: "te",
            key: "t.k", priority: 5),
        Way(
            route: .init("a", to: topic, routingKey: "t.k", priority: 5), call: .init(queue: "d"), exchange: "",
            key: "d", priority: 5),
        Way(
            route: .init("a", to: direct, priority: 5), call: .init(queue: "t"), exchange: "te", key: "t.#",
            priority: 5),
        Way(route: .init("a", priority: 5), call: .init(), exchange: "", key: "main", priority: 5),
        // Where Celery loses the task or does not send it to the queue that was asked for.
        Way(route: .init("a", exchange: "x"), call: .init(), exchange: "x", key: "main"),
        Way(route: .init("a", exchange: "x", routingKey: "k"), call: .init(queue: "d"), exchange: "", key: "d"),
    ]

    @Test(arguments: ways) func aTaskTakesTheWayThatCelerySendsItOn(way: Way) async throws {
        let routing = Routing(
            defaultQueue: "main", routes: way.route.map { [$0] } ?? [], queues: [Self.direct, Self.topic])
        let publisher = TaskPublisher(
            broker: MemoryBroker(), routing: routing, defaults: nil, middleware: [], replyTo: "", logger: Bench.logger)
        let (message, destination) = try publisher.message(
            TaskRequest(task: "a", id: "id"), TaskPayload(), way.call, replyTo: nil)
        #expect(destination.exchange == way.exchange)
        #expect(destination.routingKey == way.key)
        #expect(message.properties.priority == way.priority)
    }
}
