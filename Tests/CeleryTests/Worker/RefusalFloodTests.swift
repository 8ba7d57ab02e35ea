import Celery
import CeleryProtocol
import CeleryTransport
import Logging
import TestSupport
import Testing

/// Messages that are refused do not come faster than the broker takes them back.
@Suite(.timeLimit(.minutes(1))) struct RefusalFloodTests {
    private static let count = 1000

    private func push(to broker: RecordingBroker) {
        for number in 0..<Self.count {
            let envelope = Envelope(headers: ["task": "tasks.unknown", "id": .string("\(number)")])
            broker.memory.push(envelope.bytes, to: "celery")
        }
    }

    @Test(arguments: [false, true]) func whatIsRefusedCountsAsHeldUntilTheBrokerHasHeardOfIt(hasBackend: Bool)
        async throws
    {
        var broker = RecordingBroker()
        let gate = Gate()
        broker.flushGate = gate
        push(to: broker)
        let backend = hasBackend ? MemoryResultBackend() : nil
        try await withBench(broker: broker, backend: backend, options: .init(concurrency: 1, prefetchMultiplier: 4)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            try await broker.flushing.next()
            for _ in 0..<1000 { await Task.yield() }
            // No more are taken than the prefetch count says.
            #expect(broker.memory.envelopes(in: "celery").count >= Self.count - 4)
            gate.open()
            _ = try await broker.settlements.next(Self.count)
        }
        #expect(broker.memory.envelopes(in: "celery").isEmpty)
        #expect(broker.memory.envelopes(in: "celery.dead-letter").count == Self.count)
    }

    @Test func aFloodOfRefusalsIsAFewLines() async throws {
        let broker = RecordingBroker()
        push(to: broker)
        let log = LogLines(.trace)
        let start = ContinuousClock.now
        try await withBench(broker: broker, options: .init(concurrency: 1), logger: log.logger) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            _ = try await broker.settlements.next(Self.count)
        }
        let lines = log.lines.filter { $0.contains("refused") && $0.contains("registered") }
        // As many again in each ten seconds that it takes.
        let intervals = 1 + Int((ContinuousClock.now - start) / .seconds(10))
        #expect(lines.count <= 205 * intervals)
        let shown = lines.count { $0.contains("celery.task.id") }
        let more = lines.compactMap { line in
            line.split(separator: " ").first { $0.hasPrefix("more=") }.flatMap { Int($0.dropFirst(5)) }
        }
        #expect(shown + more.reduce(0, +) == Self.count)
    }

    @Test func aFloodOfRefusalsDoesNotKeepTheWorkerFromEnding() async throws {
        let broker = RecordingBroker()
        push(to: broker)
        try await withBench(broker: broker, options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { _ in
            _ = try await broker.settlements.next()
        }
        let rest = broker.memory.envelopes(in: "celery").count
        #expect(rest + broker.memory.envelopes(in: "celery.dead-letter").count == Self.count)
    }
}
