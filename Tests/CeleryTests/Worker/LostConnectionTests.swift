import Celery
import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import Logging
import ServiceLifecycle
import TestSupport
import Testing

/// What a worker makes of it when its broker goes away and comes back.
@Suite(.timeLimit(.minutes(1))) struct LostConnectionTests {
    @Test func aRefusalAfterTheFirstSuccessPasses() async throws {
        let broker = RecordingBroker()
        let log = LogLines(.trace)
        let options = CeleryWorker.Options(concurrency: 1)
        try await withBench(broker: broker, options: options, logger: log.logger) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            for error in [
                TransportError(.connectionLost, "closed by the operator"), TransportError(.refused, "no access"),
                TransportError(.unavailable, "no such virtual host"), TransportError(.unreachable, "nobody there"),
            ] { broker.failures.add(error) }
            #expect(try await bench.client.enqueue(named: "tasks.echo").value() == 1)
            while try await broker.events.next() != .opened(prefetch: options.prefetch) {}
            #expect(try await bench.client.enqueue(named: "tasks.echo").value() == 1)
        }
        #expect(log.lines.count { $0.contains("the connection to the broker is lost") } == 1)
        #expect(log.lines.count { $0.contains("ready again") } == 1)
        #expect(log.lines.count { $0.contains(" ready") } == 2)
    }

    @Test(arguments: [
        (TransportError(.unreachable, "nobody there"), "the broker is out of reach, trying again"),
        (TransportError(.unavailable, "LOADING"), "the broker refuses to serve this worker, trying again"),
    ])
    func aRefusalIsNotCalledALossAndNotOutOfReach(error: TransportError, line: String) async throws {
        let broker = RecordingBroker()
        let log = LogLines()
        broker.failures.add(error)
        try await withBench(broker: broker, options: CeleryWorker.Options(concurrency: 1), logger: log.logger) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.echo").value() == 1)
        }
        #expect(log.lines.count { $0.contains(line) } == 1)
    }

    private static func envelope(isRedelivered: Bool, tag: JSONValue = "a-tag", retries: Int = 0) -> Envelope {
        var envelope = Envelope(headers: ["task": "tasks.count", "id": "1", "retries": .integer(retries)])
        envelope.properties["delivery_tag"] = tag
        envelope.properties["delivery_info"] = [
            "exchange": "", "routing_key": "celery", "redelivered": .bool(isRedelivered),
        ]
        return envelope
    }

    /// Its acknowledgement was lost with the connection.
    @Test func whatHasStartedHereDoesNotRunAgainWhenItsMessageComesAgain() async throws {
        let runs = Counter()
        let log = LogLines(.trace)
        try await withBench(options: .init(concurrency: 1), logger: log.logger) {
            TaskHandler(named: "tasks.count") { _, _, _ in .integer(runs.next()) }
        } _: { bench async throws in
            for isRedelivered in [false, true] {
                let envelope = Self.envelope(isRedelivered: isRedelivered)
                #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge)
            }
            // Other messages are other calls: a retry of it, and one of another tag.
            for envelope in [
                Self.envelope(isRedelivered: true, retries: 1), Self.envelope(isRedelivered: true, tag: "another"),
            ] { #expect(try await bench.settlement(of: envelope.bytes) == .acknowledge) }
            _ = try await bench.client.enqueue(named: "tasks.count").value()
        }
        #expect(runs.total == 4)
        #expect(log.lines.count { $0.contains("acknowledged again") } == 1)
    }

    /// This worker may be the one that the broker gives it to.
    @Test func whatRunsDoesNotRunBesideItselfWhenItsMessageComesAgain() async throws {
        let broker = RecordingBroker()
        let (started, gate) = (Notes<Void>(), Gate())
        let running = Locked(0)
        try await withBench(broker: broker, options: .init(concurrency: 2, acksLate: true)) {
            TaskHandler(named: "tasks.count") { context, _, _ in
                #expect(
                    running.withLock {
                        $0 += 1; return $0
                    } == 1)
                defer { running.withLock { $0 -= 1 } }
                started.add(())
                try await gate.pass()
                return .null
            }
            TaskHandler(named: "tasks.other") { _, _, _ in "done" }
        } _: { bench async throws in
            broker.memory.push(Self.envelope(isRedelivered: false).bytes, to: "celery")
            try await started.next()
            broker.memory.push(Self.envelope(isRedelivered: true).bytes, to: "celery")
            // The free slot has had the copy in its hands before it had this one.
            #expect(try await bench.client.enqueue(named: "tasks.other").value() == "done")
            gate.open()
            // A broker in memory does not know that its task is done: it runs, but after the first.
            try await started.next()
            #expect(try await broker.settlements.next(3) == [.acknowledge, .acknowledge, .acknowledge])
        }
    }

    @Test func aRunningTaskWhoseMessageIsGivenToOthersIsSaidOnceAndItsResultIsStored() async throws {
        let broker = RecordingBroker()
        let (started, gate) = (Notes<Void>(), Gate())
        let log = LogLines(.trace)
        let options = CeleryWorker.Options(concurrency: 2, acksLate: true)
        try await withBench(broker: broker, options: options, logger: log.logger) {
            TaskHandler(named: "tasks.slow") { context, _, _ in
                if context.id == "slow" {
                    started.add(())
                    try await gate.pass()
                }
                return "done"
            }
        } _: { bench async throws in
            let envelope = Envelope(headers: ["task": "tasks.slow", "id": "slow"])
            broker.memory.push(envelope.bytes, to: "celery")
            try await started.next()
            broker.failures.add(TransportError(.connectionLost, "pulled the plug"))
            try await bench.client.enqueue(named: "tasks.slow")
            while try await broker.events.next() != .opened(prefetch: options.prefetch) {}
            gate.open()
            #expect(try await bench.client.handle(id: "slow").value() == "done")
        }
        let lines = log.lines.filter { $0.contains("may run twice") }
        #expect(lines.count { $0.contains("celery.task.id=slow") } == 1)
    }
}
