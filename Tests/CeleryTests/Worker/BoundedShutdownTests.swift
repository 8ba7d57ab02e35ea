import CeleryProtocol
import CeleryTransport
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import Celery

/// A worker that is told to stop ends, whatever the broker and the result backend do.
@Suite(.timeLimit(.minutes(1))) struct BoundedShutdownTests {
    private static let limits = ShutdownLimits(
        stop: .milliseconds(100), slots: .milliseconds(100), finishing: .milliseconds(200), close: .milliseconds(100))

    /// Stops a worker warmly once `isReady` has returned; returns the lines of its log.
    private func lines(
        ofStopping broker: RecordingBroker, _ backend: (any ResultBackend)? = MemoryResultBackend(),
        acksLate: Bool = true, after envelope: Envelope, when isReady: () async throws -> Void
    ) async throws -> [String] {
        let log = LogLines(.trace)
        let engine = try WorkerEngine(
            broker: broker, backend: backend, queues: ["celery"],
            options: .init(concurrency: 2, acksLate: acksLate), routing: .init(),
            handlers: [TaskHandler(named: "tasks.add") { _, _, _ in 3 }], limits: Self.limits, logger: log.logger)
        broker.memory.push(envelope.bytes, to: "celery")
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: engine)], logger: Bench.logger))
        let running = Task { try await services.run() }
        try await isReady()
        await services.triggerGracefulShutdown()
        try await running.value
        return log.lines
    }

    private static let plain = SuccessorTests.envelope(embed: [:])
    private static let linked = SuccessorTests.envelope(embed: [
        "callbacks": [SuccessorTests.signature("tasks.none", id: "next", options: ["queue": "other"])]
    ])

    @Test(arguments: [false, true]) func aBackendThatNeverAnswersDoesNotKeepItFromEnding(acksLate: Bool) async throws {
        let storing = Notes<Void>()
        let backend = FailingBackend(takes: { _ in
            storing.add(())
            await Gate().passUncancelled()
        })
        let lines = try await lines(ofStopping: RecordingBroker(), backend, acksLate: acksLate, after: Self.plain) {
            try await storing.next()
        }
        #expect(lines.contains { $0.contains("without waiting any longer") })
    }

    @Test func aMessageThatIsNeverConfirmedDoesNotKeepItFromEnding() async throws {
        var broker = RecordingBroker()
        broker.sendGate = Gate()
        let sending = Notes<Void>()
        broker.takes = { _ in sending.add(()) }
        let lines = try await lines(ofStopping: broker, after: Self.linked) { try await sending.next() }
        #expect(lines.contains { $0.contains("without waiting any longer") })
    }

    @Test func consumersAndProducersThatNeverCloseDoNotKeepItFromEnding() async throws {
        var broker = RecordingBroker()
        broker.closeGate = Gate()
        broker.stopGate = Gate()
        let lines = try await lines(ofStopping: broker, after: Self.linked) {
            _ = try await broker.settlements.next()
        }
        #expect(lines.contains { $0.contains("takes too long to stop") })
        #expect(lines.contains { $0.contains("takes too long to close") })
        #expect(lines.contains { $0.contains("for=the publishing connection") })
    }

    @Test func refusalsThatAreNeverHeardDoNotKeepItFromEnding() async throws {
        var broker = RecordingBroker()
        broker.flushGate = Gate()
        let lines = try await lines(ofStopping: broker, after: Envelope(headers: ["task": "tasks.none", "id": "1"])) {
            try await broker.flushing.next()
        }
        #expect(lines.contains { $0.contains("without waiting any longer") })
    }

    @Test func aReceivingCallThatNeverEndsDoesNotKeepItFromEnding() async throws {
        var broker = RecordingBroker()
        broker.receiveGate = Gate()
        let lines = try await lines(ofStopping: broker, after: Self.plain) { _ = try await broker.settlements.next() }
        #expect(lines.contains { $0.contains("takes too long to stop") })
    }

    /// What it has taken from the broker could not be given back else.
    @Test func theConsumerIsClosedAfterItsReceivingCallHasEnded() async throws {
        var broker = RecordingBroker()
        let gate = Gate()
        broker.receiveGate = gate
        let options = CeleryWorker.Options(concurrency: 1)
        let engine = try WorkerEngine(
            broker: broker, backend: nil, queues: ["celery"], options: options, routing: .init(), handlers: [],
            limits: ShutdownLimits(
                stop: .seconds(600), slots: .seconds(600), finishing: .seconds(600), close: .seconds(600)),
            logger: Bench.logger)
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: engine)], logger: Bench.logger))
        let running = Task { try await services.run() }
        try await broker.receiving.next()
        await services.triggerGracefulShutdown()
        while try await broker.events.next() != .stopped {}
        for _ in 0..<1000 { await Task.yield() }
        gate.open()
        try await running.value
        #expect(try await broker.events.next(2) == [.receivingEnded, .closed])
    }

    /// A slot, and so the worker, must not wait for ever for what the broker does not hear.
    @Test func aRunningTaskIsWaitedForWithoutALimit() async throws {
        let broker = RecordingBroker()
        let (started, gate) = (Notes<Void>(), Gate())
        let engine = try WorkerEngine(
            broker: broker, backend: MemoryResultBackend(), queues: ["celery"],
            options: .init(concurrency: 1, acksLate: true), routing: .init(),
            handlers: [
                TaskHandler(named: "tasks.add") { _, _, _ in
                    started.add(())
                    try await gate.pass()
                    return 3
                }
            ], limits: ShutdownLimits(stop: .zero, slots: .seconds(5), finishing: .seconds(5), close: .seconds(5)),
            logger: Bench.logger)
        broker.memory.push(Self.plain.bytes, to: "celery")
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: engine)], logger: Bench.logger))
        let running = Task { try await services.run() }
        try await started.next()
        await services.triggerGracefulShutdown()
        try await broker.stopping.next()
        for _ in 0..<100 { await Task.yield() }
        gate.open()
        try await running.value
        #expect(broker.memory.envelopes(in: "celery").isEmpty)
    }
}
