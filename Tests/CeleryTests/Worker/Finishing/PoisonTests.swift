import Celery
import CeleryProtocol
import CeleryTransport
import Logging
import TestSupport
import Testing

/// One message or one result that is never taken harms nobody else.
@Suite(.timeLimit(.minutes(1))) struct PoisonTests {
    private static let loss = TransportError(.connectionLost, "the server has hung up")

    @Test func aLinkWithWhichTheConnectionIsLostEachTimeFailsOnlyItsOwnTask() async throws {
        var broker = RecordingBroker()
        let tries = Notes<Void>()
        broker.takes = { message in
            guard message.headers["id"] == "poison" else { return }
            tries.add(())
            throw Self.loss
        }
        let log = LogLines(.trace)
        let links = ["kept", "poison"].map {
            SuccessorTests.signature("tasks.none", id: $0, options: ["queue": "other"])
        }
        let envelope = SuccessorTests.envelope(embed: ["callbacks": .array(links)])
        try await withBench(broker: broker, options: .init(concurrency: 2, acksLate: true), logger: log.logger) {
            TaskHandler(named: "tasks.add") { _, _, _ in 3 }
        } _: { bench async throws in
            broker.memory.push(envelope.bytes, to: "celery")
            // Others pass meanwhile.
            let others = Task { [client = bench.client, memory = broker.memory] in
                var number = 0
                while true {
                    try await tries.next()
                    number += 1
                    let link = SuccessorTests.signature(
                        "tasks.none", id: "other-\(number)", options: ["queue": "others"])
                    var other = SuccessorTests.envelope(embed: ["callbacks": [link]])
                    other.headers["id"] = .string("\(number)")
                    memory.push(other.bytes, to: "celery")
                    _ = try await client.handle(id: "\(number)").value()
                }
            }
            let failure = await #expect(throws: TaskFailure.self) {
                try await bench.client.handle(id: "first").value()
            }
            others.cancel()
            #expect(failure?.type == "OperationalError")
            #expect(failure?.message.contains("hung up") == true)
            #expect(try bench.envelopes(in: "other").map { $0.headers["id"] } == ["kept"])
        }
        #expect(log.lines.count { $0.contains("what follows it could not be sent") } == 1)
    }

    @Test func aResultWithWhichTheConnectionIsLostEachTimeFailsOnlyItsOwnTask() async throws {
        let stored = Counter()
        let backend = FailingBackend(takes: { result in
            if result.result == "poison" { throw Self.loss }
            if result.state == .success { stored.next() }
        })
        let tasks = 40
        try await withBench(backend: backend, options: .init(concurrency: 2, acksLate: true)) {
            TaskHandler(named: "tasks.echo") { _, args, _ in args[0] }
        } _: { bench async throws in
            let poisoned = try await bench.client.enqueue(named: "tasks.echo", arguments: ["poison"])
            for number in 0..<tasks {
                let task = try await bench.client.enqueue(named: "tasks.echo", arguments: [.integer(number)])
                #expect(try await task.value() == .integer(number))
            }
            // Some more, until it is found out.
            let others = Task { [client = bench.client] in
                while true { _ = try await client.enqueue(named: "tasks.echo", arguments: [0]).value() }
            }
            let failure = await #expect(throws: TaskFailure.self) { try await poisoned.value() }
            others.cancel()
            _ = await others.result
            #expect(failure?.type == "BackendStoreError")
            #expect(failure?.message.contains("hung up") == true)
        }
        #expect(stored.total >= tasks)
    }

    /// The four that are too large are among small ones.
    @Test func nothingThatIsStoredIsStoredAgainBecauseOfOthers() async throws {
        let counts = (0..<40).map { _ in Counter() }
        let backend = FailingBackend(takes: { result in
            guard let number = result.result.integerValue, result.state == .success else { return }
            if number % 10 == 0 { throw TransportError(.rejected, "too large") }
            counts[number].next()
        })
        try await withBench(backend: backend, options: .init(concurrency: 4)) {
            TaskHandler(named: "tasks.echo") { _, args, _ in args[0] }
        } _: { bench async throws in
            var tasks: [TaskHandle<JSONValue>] = []
            for number in counts.indices {
                tasks.append(try await bench.client.enqueue(named: "tasks.echo", arguments: [.integer(number)]))
            }
            for (number, task) in tasks.enumerated() where number % 10 != 0 {
                #expect(try await task.value() == .integer(number))
            }
            for number in [0, 10, 20, 30] {
                let failure = await #expect(throws: TaskFailure.self) { try await tasks[number].value() }
                #expect(failure?.type == "BackendStoreError")
            }
        }
        #expect(counts.enumerated().allSatisfy { $0.element.total == ($0.offset % 10 == 0 ? 0 : 1) })
    }
}
