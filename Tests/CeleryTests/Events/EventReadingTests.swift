import Celery
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import Foundation
import Logging
import Testing

struct EventReadingTests {
    private func publish(_ body: String, to broker: MemoryBroker, _ routingKey: String = "task.multi") async throws {
        let producer = try await broker.makeProducer(logger: Logger(label: "test"))
        try await producer.publish(
            Message(body: Array(body.utf8)),
            to: Destination(exchange: "celeryev", type: .topic, isDurable: true, routingKey: routingKey))
        await producer.close()
    }

    @Test(.timeLimit(.minutes(1))) func whatIsBrokenIsSkippedAndNeverEndsTheStream() async throws {
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker)
        var events = try await client.events().makeAsyncIterator()
        for body in [
            "{", "5", #"[{"type": "a", "clock": 40}, {"clock": 5}, {"type": "b"}]"#, #"{"type": "c", "clock": "x"}"#,
            #"{"type": "task-sent", "uuid": "u", "clock": 1}"#,
        ] {
            try await publish(body, to: broker)
        }
        var (types, clocks): ([String], [Int]) = ([], [])
        while types.count < 4, let event = try await events.next() {
            types.append(event.type)
            clocks.append(event.clock)
        }
        #expect(types == ["a", "b", "c", "task-sent"])
        // The clocks of those who have none, and of clients, are the reader's own.
        #expect(clocks.first == 40 && clocks == clocks.sorted())
        await client.close()
    }

    @Test(.timeLimit(.minutes(1))) func onlyWhatIsAskedForComes() async throws {
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker)
        var events = try await client.events(matching: "worker.#").makeAsyncIterator()
        try await publish(#"{"type": "task-started"}"#, to: broker)
        try await publish(#"{"type": "worker-online"}"#, to: broker, "worker.online")
        #expect(try await events.next()?.type == "worker-online")
        await client.close()
    }

    @Test(.timeLimit(.minutes(1))) func cancellingEndsTheStream() async throws {
        let client = try CeleryClient(broker: MemoryBroker())
        let events = try await client.events()
        let reading = Task { for try await _ in events {} }
        reading.cancel()
        try await reading.value
        await client.close()
    }

    @Test(.timeLimit(.minutes(1))) func aWorkersTasksAreSeen() async throws {
        let seen = try await withTestCelery(options: .init(sendsTaskEvents: true)) {
            TaskHandler(named: "add") { _, _, _ in 5 }
        } _: { client in
            let events = try await client.events(matching: "task.#")
            _ = try await client.enqueue(named: "add").value()
            var types: [String] = []
            for try await event in events {
                types.append(event.type)
                if case .taskSucceeded(let result, _) = event.content {
                    #expect(result == "5")
                    break
                }
            }
            return types
        }
        #expect(seen == ["task-received", "task-started", "task-succeeded"])
    }
}
