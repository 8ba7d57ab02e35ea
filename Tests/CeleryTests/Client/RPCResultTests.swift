import Celery
import CeleryProtocol
import CeleryTransport
import Testing

/// `rpc://` results over the broker in memory.
@Suite(.timeLimit(.minutes(1))) struct RPCResultTests {
    static let add = TaskDefinition(
        "tasks.add", Parameter("x", as: Int.self), Parameter("y", as: Int.self), returning: Int.self)

    @Test func theSenderGetsTheResult() async throws {
        try await withBench(backend: .rpc) {
            TaskHandler(Self.add) { _, x, y in x + y }
        } _: { bench async throws in
            let tasks = try await [bench.client.enqueue(Self.add(1, 2)), bench.client.enqueue(Self.add(3, 4))]
            #expect(try await tasks[1].value() == 7)
            #expect(try await tasks[0].value() == 3)
            // What has arrived stays with the client.
            #expect(try await tasks[0].value() == 3)
        }
    }

    @Test func everyStateIsSent() async throws {
        try await withBench(backend: .rpc, options: .init(concurrency: 1, trackStarted: true)) {
            TaskHandler(Self.add) { context, x, y in
                try await context.report(progress: 1, of: 2)
                return x + y
            }
        } _: { bench async throws in
            let gate = try await bench.client.enqueue(Self.add(0, 0))
            _ = try await gate.value()
            let task = try await bench.client.enqueue(Self.add(1, 2))
            var states: [String] = []
            for try await result in try await task.updates() where states.last != result.state.rawValue {
                states.append(result.state.rawValue)
            }
            #expect(states.last == "SUCCESS")
            #expect(["STARTED", "PROGRESS", "SUCCESS"].suffix(states.count) == states[...])
        }
    }

    @Test func theReplyIsWrittenAsCeleryWritesIt() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker, backend: .rpc) {
            TaskHandler(Self.add) { _, x, y in x + y }
        } _: { bench async throws in
            var envelope = Envelope(headers: ["task": "tasks.add", "id": "the-id"], body: [[1, 2], [:], [:]])
            envelope.properties["reply_to"] = "my-replies"
            envelope.properties["correlation_id"] = "my-correlation"
            let consumer = try await broker.memory.makeConsumer(
                ConsumerConfiguration(queues: ["my-replies"], prefetch: 1), logger: Bench.logger)
            broker.memory.push(envelope.bytes, to: "celery")
            let reply = try await consumer.receive(upTo: 1)[0].message.get()
            #expect(reply.properties.correlationID == "my-correlation")
            #expect(reply.properties.deliveryMode == 1)
            #expect(reply.properties.priority == 0)
            #expect(reply.headers.isEmpty)
            let result = try TaskResult(encoded: reply.body)
            #expect(result.id == "the-id")
            #expect(result.state == .success)
            #expect(result.result == 3)
        }
    }

    @Test func aSenderThatWantsNoReplyGetsNone() async throws {
        try await withBench(backend: .rpc) {
            TaskHandler(Self.add) { _, x, y in x + y }
        } _: { bench async throws in
            for (number, replyTo) in [JSONValue.null, ""].enumerated() {
                var envelope = Envelope(headers: ["task": "tasks.add", "id": "the-id"], body: [[1, 2], [:], [:]])
                envelope.properties["reply_to"] = replyTo
                #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge, "\(number)")
            }
            // Still there for the others.
            #expect(try await bench.client.enqueue(Self.add(2, 2)).value() == 4)
            #expect(try bench.envelopes(in: "").isEmpty)
        }
    }

    @Test func whoHasNotSentTheTaskIsRefusedAtOnce() async throws {
        try await withBench(backend: .rpc) {
            TaskHandler(Self.add) { _, x, y in x + y }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(Self.add(1, 2))
            let other = try CeleryClient(broker: bench.broker, backend: .rpc, logger: Bench.logger)
            let handle = other.handle(id: task.id)
            let questions: [() async throws -> Void] = [
                { _ = try await handle.value() }, { _ = try await handle.status() }, { _ = try await handle.updates() },
            ]
            for ask in questions {
                let error = await #expect(throws: TransportError.self) { try await ask() }
                #expect(error?.code == .unsupported)
                #expect(error?.message.contains(task.id) == true)
            }
            await other.close()
            #expect(try await task.value() == 3)
        }
    }

    @Test func aHandleThatIsMadeAgainFromTheIdGetsTheResultOnce() async throws {
        try await withBench(backend: .rpc) {
            TaskHandler(Self.add) { _, x, y in x + y }
        } _: { bench async throws in
            let id = try await bench.client.enqueue(Self.add(1, 2)).id
            let task = bench.client.handle(for: Self.add, id: id)
            #expect(try await task.value() == 3)
            // The handle keeps it, for all that is asked.
            #expect(try await task.status() == .success)
            var states: [TaskState] = []
            for try await update in try await task.updates() { states.append(update.state) }
            #expect(states == [.success])
            await #expect(throws: TransportError.self) {
                try await bench.client.handle(for: Self.add, id: id).value()
            }
        }
    }
}
