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
