import Celery
import CeleryProtocol
import CeleryTransport
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1))) struct EtaTests {
    @Test func tasksRunInTheOrderOfTheirEtas() async throws {
        let order = Notes<JSONValue>()
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.note") { _, args, _ in
                order.add(args[0])
                return .double(Date().timeIntervalSince1970)
            }
        } _: { bench async throws in
            let start = Date().timeIntervalSince1970
            var tasks: [TaskHandle<JSONValue>] = []
            for (name, countdown) in [("c", 240), ("a", 80), ("b", 160), ("now", 0)] {
                tasks.append(
                    try await bench.client.enqueue(
                        named: "tasks.note", arguments: [.string(name)],
                        options: .init(countdown: .milliseconds(countdown))))
            }
            #expect(try await order.next(4) == ["now", "a", "b", "c"])
            for (task, countdown) in zip(tasks, [0.24, 0.08, 0.16, 0]) {
                let ran = try #require(try await task.value().doubleValue)
                #expect(ran - start >= countdown)
            }
        }
    }

    /// An eta that a clock of nanoseconds cannot hold is waited for like any other.
    @Test func aVeryFarEtaDoesNotDisturb() async throws {
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            for year in ["9999", "2400"] {
                let envelope = Envelope(headers: ["task": "tasks.echo", "id": "far", "eta": .string("\(year)-12-31T00:00:00")])
                bench.broker.memory.push(envelope.bytes, to: "celery")
            }
            for _ in 0..<3 {
                let task = try await bench.client.enqueue(
                    named: "tasks.echo", options: .init(countdown: .milliseconds(20)))
                #expect(try await task.value() == 1)
            }
            #expect(try await bench.client.handle(id: "far").status() == .pending)
        }
    }

    @Test func waitingTasksGoBackAtTheShutdown() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            try await bench.client.enqueue(named: "tasks.echo", options: .init(countdown: .seconds(3600)))
            _ = try await bench.client.enqueue(named: "tasks.echo").value()
        }
        #expect(broker.memory.envelopes(in: "celery").count == 1)
    }

    @Test func tasksThatWaitDoNotCountAgainstThePrefetch() async throws {
        try await withBench(options: .init(concurrency: 1, prefetchMultiplier: 1)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            for _ in 0..<20 {
                try await bench.client.enqueue(named: "tasks.echo", options: .init(countdown: .seconds(3600)))
            }
            #expect(try await bench.client.enqueue(named: "tasks.echo").value() == 1)
        }
    }

    @Test func noMoreTasksThanTheLimitWaitInMemory() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker, options: .init(concurrency: 1, prefetchMultiplier: 2, etaLimit: 5)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            for _ in 0..<20 {
                try await bench.client.enqueue(named: "tasks.echo", options: .init(countdown: .seconds(3600)))
            }
            // Each of those that were taken was noted once; the rest stays with the broker.
            for _ in 0..<7 { while case let event = try await broker.events.next(), !event.isPark {} }
            #expect(broker.memory.envelopes(in: "celery").count >= 20 - 5 - 2)
        }
        #expect(broker.memory.envelopes(in: "celery").count == 20)
    }

    @Test func theBrokerHearsHowManyWaitAndWhenTheyNoLongerDo() async throws {
        let broker = RecordingBroker()
        try await withBench(broker: broker, options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(
                named: "tasks.echo", options: .init(countdown: .milliseconds(50)))
            _ = try await task.value()
            let changes = [try await broker.events.nextPrefetchChange(), try await broker.events.nextPrefetchChange()]
            #expect(changes == [1, 0])
        }
    }

    @Test func aBrokerThatKeepsTheMessageIsLeftToIt() async throws {
        var broker = RecordingBroker()
        broker.canPark = true
        try await withBench(broker: broker, options: .init(concurrency: 1, etaLimit: 1)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            try await bench.client.enqueue(named: "tasks.echo", options: .init(countdown: .seconds(100)))
            var event = try await broker.events.next()
            while !event.isPark { event = try await broker.events.next() }
            #expect(event == .parked(isUrgent: false))
        }
    }
}

extension RecordingBroker.Event {
    var isPark: Bool {
        if case .parked = self { true } else { false }
    }
}

extension Notes where Element == RecordingBroker.Event {
    func nextPrefetchChange() async throws -> Int {
        while true {
            if case .prefetchRaised(let extra) = try await next() { return extra }
        }
    }
}
