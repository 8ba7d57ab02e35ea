import Celery
import CeleryProtocol
import CeleryTesting
import CeleryTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct GroupHandleTests {
    static let double = TaskDefinition("tasks.double", Parameter("number", as: Int.self), returning: Int.self)

    static func handler() -> TaskHandler {
        TaskHandler(double) { _, number in
            if number < 0 { throw TaskFailure(type: "ValueError", message: "negative") }
            return 2 * number
        }
    }

    func calls(_ numbers: some Sequence<Int>) -> [Signature<Int>] {
        numbers.map { Self.double($0) }
    }

    @Test func aGroupReturnsWhatItsTasksReturnInOrder() async throws {
        try await withTestCelery {
            Self.handler()
        } _: { client async throws in
            let group = try await client.enqueue(contentsOf: calls(0..<1200))
            #expect(group.tasks.count == 1200)
            #expect(try await group.values(timeout: .seconds(30)) == (0..<1200).map { 2 * $0 })
            // Again, and one by one, from what was read.
            #expect(try await group.values().count == 1200)
            #expect(try await group.tasks[7].value() == 14)
        }
    }

    @Test func itsMessagesAreThoseOfPythonsGroup() async throws {
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        let group = try await client.enqueue(contentsOf: calls(0..<3), options: .init(queue: "q", priority: 3))
        let messages = try broker.envelopes(in: "q").map { try KombuEnvelope.decode($0) }
        #expect(messages.count == 3)
        for (index, message) in messages.enumerated() {
            #expect(message.headers["group"] == .string(group.id))
            #expect(message.headers["group_index"] == .integer(index))
            #expect(message.headers["id"] == .string(group.tasks[index].id))
            // Each is the root of what follows from it.
            #expect(message.headers["root_id"] == message.headers["id"])
            #expect(message.properties.priority == 3)
        }
        await client.close()
    }

    @Test func aFailedTaskIsThrownAtOnce() async throws {
        let gate = Gate()
        try await withTestCelery(options: .init(concurrency: 2)) {
            TaskHandler(Self.double) { _, number in
                if number < 0 { throw TaskFailure(type: "ValueError", message: "negative") }
                try await gate.pass()
                return 0
            }
        } _: { client async throws in
            let group = try await client.enqueue(contentsOf: calls([1, -1]))
            let failure = await #expect(throws: TaskFailure.self) { try await group.values(timeout: .seconds(30)) }
            #expect(failure?.message == "negative")
            #expect(try await group.tasks[1].status() == .failure)
            gate.open()
        }
    }

    @Test func resultsComeAsTheTasksEndAndAFailureEndsNothing() async throws {
        try await withTestCelery {
            Self.handler()
        } _: { client async throws in
            let group = try await client.enqueue(contentsOf: calls([1, -1, 3]))
            var values: [Int: Int] = [:]
            var failures: [Int] = []
            for try await member in group.results() {
                #expect(member.task.id == group.tasks[member.position].id)
                if member.result.state == .success {
                    values[member.position] = try member.value()
                } else {
                    #expect(throws: TaskFailure.self) { try member.value() }
                    failures.append(member.position)
                }
            }
            #expect(values == [0: 2, 2: 6])
            #expect(failures == [1])
            #expect(try await group.states() == [.success: 2, .failure: 1])
        }
    }

    @Test func progressEndsWhenAllTasksHave() async throws {
        let gates = [Gate(), Gate()]
        try await withTestCelery(options: .init(concurrency: 3)) {
            TaskHandler(Self.double) { _, number in
                if number < 0 { throw TaskFailure(type: "ValueError", message: "negative") }
                try await gates[number].pass()
                return 0
            }
        } _: { client async throws in
            let group = try await client.enqueue(contentsOf: calls([0, 1, -1]))
            var progress: GroupProgress?
            for try await next in group.progress() {
                #expect(next.total == 3)
                #expect(next.done >= progress?.done ?? 0)
                progress = next
                if next.failed == 1 { gates[next.succeeded == 0 ? 0 : 1].open() }
            }
            #expect(progress?.succeeded == 2)
            #expect(progress?.failed == 1)
            #expect(progress?.done == 3)
        }
    }

    @Test func aGroupThatWasSavedIsFoundByItsIDUntilItIsForgotten() async throws {
        try await withTestCelery {
            Self.handler()
        } _: { client async throws in
            let group = try await client.enqueue(contentsOf: calls([1, 2]))
            #expect(try await client.group(id: group.id) == nil)
            try await group.save()
            let found = try #require(try await client.group(of: Self.double, id: group.id))
            #expect(found.tasks.map(\.id) == group.tasks.map(\.id))
            #expect(try await found.values(timeout: .seconds(30)) == [2, 4])
            #expect(try await client.group(id: group.id)?.values() == [2, 4])
            try await found.forget()
            #expect(try await client.group(id: group.id) == nil)
            #expect(try await client.handle(id: group.tasks[0].id).status() == .pending)
            #expect(try await found.states() == [.pending: 2])
        }
    }

    @Test func aGroupWithinAGroupReturnsAList() async throws {
        let backend = MemoryResultBackend()
        let client = try CeleryClient(broker: MemoryBroker(), backend: backend, logger: Bench.logger)
        let store = try backend.makeResultStore(
            context: ResultStoreContext(broker: MemoryBroker(), replyTo: "me", logger: Bench.logger))
        let inner = ResultTree(group: "inner", members: ["b", "c"].map { ResultTree(task: $0) })
        try await store.saveGroup(ResultTree(group: "outer", members: [ResultTree(task: "a"), inner]))
        let group = try #require(try await client.group(id: "outer"))
        #expect(group.tree.members?.last == inner)
        for (number, id) in ["a", "b", "c"].enumerated() {
            let result = TaskResult(id: id, state: .success, result: .integer(number))
            try await store.store([StoredResult(result, route: ReplyRoute(replyTo: nil, correlationID: id))])
        }
        #expect(try await group.values(timeout: .seconds(30)) == [0, [1, 2]])
        await client.close()
    }

    @Test func aResultTellsOfWhatItsTaskHasSent() async throws {
        let backend = MemoryResultBackend()
        let client = try CeleryClient(broker: MemoryBroker(), backend: backend, logger: Bench.logger)
        let store = try backend.makeResultStore(
            context: ResultStoreContext(broker: MemoryBroker(), replyTo: "me", logger: Bench.logger))
        let result = TaskResult(
            id: "a", state: .success, children: [[["b", nil], nil], [["g", nil], [[["c", nil], nil]]]], parentID: "p")
        try await store.store([StoredResult(result, route: ReplyRoute(replyTo: nil, correlationID: "a"))])
        let children = try await client.handle(id: "a").children()
        #expect(children.map(\.id) == ["b", "g"])
        #expect(children.map(\.description) == ["task b", "group g [c]"])
        guard case .group(let group)? = children.last else {
            Issue.record("it is a group")
            return
        }
        #expect(group.tasks.map(\.id) == ["c"])
        #expect(try await client.handle(id: "a").parent()?.id == "p")
        #expect(try await client.handle(id: "b").children().isEmpty)
        await client.close()
    }

    @Test func anEmptyGroupSendsNothingAndReturnsNothing() async throws {
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker, backend: MemoryResultBackend(), logger: Bench.logger)
        let group = try await client.enqueue(contentsOf: calls([]))
        #expect(broker.envelopes(in: "celery").isEmpty)
        #expect(try await group.values().isEmpty)
        for try await _ in group.results() { Issue.record("there is none") }
        await client.close()
    }

    @Test func nothingIsSentWhenOneArgumentCannotBe() async throws {
        struct Refused: Encodable, Sendable {
            func encode(to encoder: any Encoder) throws {
                throw EncodingError.invalidValue(1, .init(codingPath: [], debugDescription: "never"))
            }
        }
        let broker = MemoryBroker()
        let client = try CeleryClient(broker: broker, logger: Bench.logger)
        let calls =
            [1, 2].map { Signature(task: "t", arguments: [$0]) } + [Signature(task: "t", arguments: [Refused()])]
        await #expect(throws: EncodingError.self) { try await client.enqueue(contentsOf: calls) }
        let error = await #expect(throws: CeleryError.self) {
            try await client.enqueue(contentsOf: self.calls([1]), options: .init(id: "x"))
        }
        #expect(error?.code == .invalidArgument)
        #expect(broker.envelopes(in: "celery").isEmpty)
        await client.close()
    }

    @Test func aGroupThatDoesNotEndInTimeSaysHowManyTasksAreMissing() async throws {
        let client = try CeleryClient(broker: MemoryBroker(), backend: MemoryResultBackend(), logger: Bench.logger)
        let group = try await client.enqueue(contentsOf: calls([1, 2, 3]))
        let error = await #expect(throws: CeleryError.self) { try await group.values(timeout: .milliseconds(20)) }
        #expect(error?.code == .timedOut)
        #expect(error?.message.hasPrefix("3 of the 3 tasks of the group \(group.id) have not ended within") == true)
        let waiting = Task { try await group.values() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        await client.close()
    }

    @Test func middlewareSeesEachTaskOfAGroup() async throws {
        let broker = MemoryBroker()
        let middleware = GroupMarker()
        let client = try CeleryClient(broker: broker, middleware: [middleware], logger: Bench.logger)
        _ = try await client.enqueue(contentsOf: calls(0..<10))
        let messages = try broker.envelopes(in: "celery").map { try KombuEnvelope.decode($0) }
        #expect(messages.count == 10)
        #expect(messages.allSatisfy { $0.headers["mark"] == 1 })
        await client.close()
    }
}

private struct GroupMarker: CeleryMiddleware {
    func send(_ task: OutgoingTask, next: (OutgoingTask) async throws -> Void) async throws {
        var task = task
        task.headers["mark"] = 1
        try await next(task)
    }
}
