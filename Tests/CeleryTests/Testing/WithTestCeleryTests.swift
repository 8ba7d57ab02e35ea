import Celery
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct WithTestCeleryTests {
    @Test func tasksGoWhereTheRoutingSays() async throws {
        let routing = Routing(routes: [Routing.Route("images.*", to: "images")])
        try await withTestCelery(queues: ["images", "celery"], routing: routing) {
            TaskHandler(named: "images.resize") { context, _, _ in .string(context.queue) }
            TaskHandler(named: "parent") { context, _, _ in
                try await context.enqueue(named: "images.resize").value()
            }
        } _: { client async throws in
            #expect(try await client.enqueue(named: "images.resize").value() == "images")
            #expect(try await client.enqueue(named: "parent").value() == "images")
        }
    }

    @Test func toWaitForATaskInAQueueThatNobodyConsumesIsAnError() async throws {
        try await withTestCelery {
            TaskHandler(named: "sends") { context, _, _ in
                // To send is none: it may be Python's.
                .string(try await context.enqueue(named: "other", options: SendOptions(queue: "fast")).id)
            }
        } _: { client async throws in
            let sent = try await client.enqueue(named: "other", options: SendOptions(queue: "fast", id: "x"))
            let error = await #expect(throws: TransportError.self) { try await sent.value() }
            #expect(
                error?.message
                    == "task x is in 'fast', and nobody consumes that: the worker of this test consumes 'celery'")
            let child = try await client.enqueue(named: "sends").value(as: String.self)
            await #expect(throws: TransportError.self) { try await client.handle(id: child).value() }
            let lost = SendOptions(exchange: "nowhere", routingKey: "fast")
            let unbound = try await client.enqueue(named: "other", options: lost)
            let loss = await #expect(throws: TransportError.self) { try await unbound.value() }
            #expect(loss?.message.contains("the exchange 'nowhere', to which no queue is bound for it") == true)
        }
    }

    @Test func theClientIsClosedAfterTheTest() async throws {
        let client = try await withTestCelery {
            TaskHandler(named: "nothing") { _, _, _ in .null }
        } _: { client async throws in
            try await client.enqueue(named: "nothing")
            return client
        }
        let error = await #expect(throws: TransportError.self) { try await client.enqueue(named: "nothing") }
        #expect(error?.code == .closed)
    }
}
