import Celery
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ChildTaskTests {
    static let leaf = TaskDefinition("tasks.leaf", Parameter("x", as: Int.self), returning: [String?].self)

    @Test func aChildHasTheSameRootAndItsSenderAsParent() async throws {
        try await withBench {
            TaskHandler(Self.leaf) { context, _ in [context.request.rootID, context.request.parentID] }
            TaskHandler(named: "tasks.parent") { context, _, _ in
                let first = try await context.enqueue(Self.leaf(1))
                let second = try await context.enqueue(Self.leaf(2), options: .init(id: "chosen"))
                return [.string(first.id), .string(second.id)]
            }
        } _: { bench async throws in
            let parent = try await bench.client.enqueue(named: "tasks.parent")
            let ids = try #require(try await parent.value().arrayValue?.compactMap(\.stringValue))
            #expect(ids.last == "chosen")
            for id in ids {
                #expect(try await bench.client.handle(for: Self.leaf, id: id).value() == [parent.id, parent.id])
                #expect(try await bench.client.handle(id: id).result()?.parentID == parent.id)
            }
            let children = try await parent.result()?.children
            #expect(children == .array(ids.map { [[.string($0), nil], nil] }))
        }
    }

    @Test func theRootOfAGrandchildIsTheFirstTask() async throws {
        try await withBench {
            TaskHandler(Self.leaf) { context, _ in [context.request.rootID, context.request.parentID] }
            TaskHandler(named: "tasks.middle") { context, _, _ in .string(try await context.enqueue(Self.leaf(1)).id) }
        } _: { bench async throws in
            let envelope = Envelope(
                headers: ["task": "tasks.middle", "id": "middle", "root_id": "root", "parent_id": "above"])
            bench.broker.memory.push(envelope.bytes, to: "celery")
            let id = try #require(try await bench.client.handle(id: "middle").value().stringValue)
            #expect(try await bench.client.handle(for: Self.leaf, id: id).value() == ["root", "middle"])
        }
    }

    @Test func aTaskCanWaitForItsChild() async throws {
        try await withBench(options: .init(concurrency: 2)) {
            TaskHandler(Self.leaf) { context, x in ["\(x)"] }
            TaskHandler(named: "tasks.parent") { context, _, _ in
                .string(try await context.enqueue(Self.leaf(4)).value().first??.description ?? "none")
            }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.parent").value() == "4")
        }
    }

    @Test func theHandlerSeesItsRequest() async throws {
        try await withBench {
            TaskHandler(named: "tasks.look") { context, _, _ in
                [
                    .string(context.id), .integer(context.retries), .string(context.queue),
                    context.request.headers["tenant"] ?? nil, .string(context.request.shadow ?? ""),
                    .integer(context.request.priority ?? -1),
                ]
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(
                named: "tasks.look",
                options: .init(priority: 5, id: "my-id", headers: ["tenant": "acme"], shadow: "nice"))
            #expect(try await task.value() == ["my-id", 0, "celery", "acme", "nice", 5])
        }
    }

    /// A reply that comes before its queue is there would be lost.
    @Test func theQueueForRepliesIsThereBeforeAChildIsSent() async throws {
        var broker = RecordingBroker()
        let events = broker.events
        broker.takes = { message in
            if message.headers["task"] == "tasks.child" { events.add(.stopped) }
        }
        try await withBench(broker: broker, backend: RPCResultBackend()) {
            TaskHandler(named: "tasks.parent") { context, _, _ in
                try await context.enqueue(Signature(task: "tasks.child"), options: .init(queue: "other"))
                return 1
            }
        } _: { bench async throws in
            bench.broker.memory.push(Envelope(headers: ["task": "tasks.parent", "id": "parent"]).bytes, to: "celery")
            var seen: [RecordingBroker.Event] = []
            while seen.last != .stopped { seen.append(try await broker.events.next()) }
            #expect(seen.contains(.opened(prefetch: 0)))
        }
    }
}
