import Celery
public import CeleryProtocol
import CeleryTransport
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1))) struct StateTests {
    struct Wish: Sendable {
        let header: JSONValue
        let task: Bool?
        let worker: Bool
        let isStored: Bool
    }

    @Test(arguments: [
        Wish(header: nil, task: nil, worker: false, isStored: true),
        Wish(header: nil, task: nil, worker: true, isStored: false),
        Wish(header: nil, task: true, worker: false, isStored: false),
        Wish(header: nil, task: false, worker: true, isStored: true),
        Wish(header: false, task: true, worker: true, isStored: true),
        Wish(header: true, task: false, worker: false, isStored: false),
        // Python's truth: any text but the empty one.
        Wish(header: "false", task: nil, worker: false, isStored: false),
        Wish(header: 0, task: true, worker: true, isStored: true),
    ])
    func theSendersWishCountsMoreThanTheTasksAndThatMoreThanTheWorkers(wish: Wish) async throws {
        let options = CeleryWorker.Options(
            concurrency: 1, acksLate: true, ignoreResult: wish.worker, trackStarted: true)
        try await withBench(options: options) {
            TaskHandler(named: "tasks.echo", options: .init(ignoreResult: wish.task)) { _, _, _ in 1 }
        } _: { bench async throws in
            let envelope = Envelope(headers: ["task": "tasks.echo", "id": "x", "ignore_result": wish.header])
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            #expect(try await bench.client.handle(id: "x").status() == (wish.isStored ? .success : .pending))
        }
    }

    /// A definition says nothing of it: the worker's options count.
    @Test(arguments: [(true, nil), (false, true)] as [(Bool, Bool?)])
    func aCallFromSwiftLeavesItToTheWorkerWhetherTheResultIsStored(worker: Bool, task: Bool?) async throws {
        let echo = TaskDefinition("tasks.echo", Parameter("x", as: Int.self), returning: Int.self)
        try await withBench(options: .init(concurrency: 1, acksLate: true, ignoreResult: worker)) {
            TaskHandler(echo, options: .init(ignoreResult: task)) { _, x in x }
        } _: { bench async throws in
            let ignored = try await bench.client.enqueue(echo(1))
            let wanted = try await bench.client.enqueue(echo(2), options: .init(ignoreResult: false))
            #expect(try await wanted.value() == 2)
            #expect(try await ignored.status() == .pending)
        }
    }

    @Test(arguments: [(true, nil), (false, true)] as [(Bool, Bool?)])
    func startedIsStoredWhenWanted(worker: Bool, task: Bool?) async throws {
        let gate = Gate()
        try await withBench(options: .init(concurrency: 1, name: "w1@%h", trackStarted: worker)) {
            TaskHandler(named: "tasks.echo", options: .init(trackStarted: task)) { _, _, _ in
                try await gate.pass()
                return 1
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.echo")
            var states: [TaskState] = []
            for try await result in try await task.updates() {
                states.append(result.state)
                guard result.state == .started else { continue }
                let data = try #require(result.result.objectValue)
                #expect(data["pid"] == .integer(Int(ProcessInfo.processInfo.processIdentifier)))
                #expect(data["hostname"]?.stringValue?.hasPrefix("w1@") == true)
                #expect(result.dateDone == nil)
                gate.open()
            }
            #expect(states == [.started, .success])
        }
    }

    @Test func startedIsNotStoredByDefault() async throws {
        let gate = Gate()
        try await withBench {
            TaskHandler(named: "tasks.echo") { context, _, _ in
                try await gate.pass()
                try await context.report("CUSTOM")
                return 1
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.echo")
            let updates = try await task.updates()
            gate.open()
            var states: [TaskState] = []
            for try await result in updates { states.append(result.state) }
            #expect(states == ["CUSTOM", .success])
        }
    }

    /// A backend that takes its time must not turn the order around.
    @Test func customStatesComeAfterStartedWithTheirData() async throws {
        let backend = SlowBackend()
        try await withBench(backend: backend, options: .init(concurrency: 1, trackStarted: true)) {
            TaskHandler(named: "tasks.work") { context, _, _ in
                try await context.report(progress: 1, of: 3)
                try await context.report("UPLOADING", ["bytes": 12])
                return "done"
            }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "tasks.work")
            #expect(try await task.value() == "done")
            #expect(backend.stored.map(\.state) == [.started, "PROGRESS", "UPLOADING", .success])
            #expect(backend.stored[1].result == ["current": 1, "total": 3])
            #expect(backend.stored[2].result == ["bytes": 12])
            #expect(backend.stored[2].dateDone == nil)
        }
    }

    @Test func groupAndParentStandInTheResult() async throws {
        try await withBench(options: .init(concurrency: 1, acksLate: true)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            let envelope = Envelope(headers: ["task": "tasks.echo", "id": "x", "group": "g", "parent_id": "p"])
            #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            let result = try await bench.client.handle(id: "x").result()
            #expect(result?.groupID == "g")
            #expect(result?.parentID == "p")
            #expect(result?.children == [])
        }
    }
}

extension TaskState: ExpressibleByStringLiteral {
    /// The state of that name.
    public init(stringLiteral value: String) { self.init(rawValue: value) }
}
