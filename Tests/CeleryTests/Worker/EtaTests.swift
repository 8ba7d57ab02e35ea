import CeleryProtocol
import CeleryTransport
import Foundation
import Logging
import TestSupport
import Testing

@testable import Celery

@Suite(.timeLimit(.minutes(1))) struct EtaTests {
    /// In what order they run: ``EtaScheduleTests``.
    @Test func noTaskRunsBeforeItsEta() async throws {
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.time") { _, _, _ in .double(Date().timeIntervalSince1970) }
        } _: { bench async throws in
            let etas = [0.9, 0.3, 0.6].map { Date().timeIntervalSince1970 + $0 }
            for (number, eta) in etas.enumerated() {
                let text = try PythonDateTime(Date(timeIntervalSince1970: eta)).isoFormat
                let envelope = Envelope(headers: [
                    "task": "tasks.time", "id": .string("\(number)"), "eta": .string(text),
                ])
                bench.broker.memory.push(envelope.bytes, to: "celery")
            }
            for (number, eta) in etas.enumerated() {
                let time = try await bench.client.handle(id: "\(number)").value().doubleValue
                // An eta on the wire has microseconds.
                #expect(try #require(time) >= eta - 0.000_001)
            }
        }
    }

    /// An eta that a clock of nanoseconds cannot hold is waited for like any other.
    @Test func aVeryFarEtaDoesNotDisturb() async throws {
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            for year in ["9999", "2400"] {
                let envelope = Envelope(headers: [
                    "task": "tasks.echo", "id": "far", "eta": .string("\(year)-12-31T00:00:00"),
                ])
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

    /// Waiting leaves the request as it came, down to what only Python's JSON can say.
    @Test func aTaskThatWaitedHasTheRequestThatItCameWith() async throws {
        let requests = Notes<TaskRequest>()
        let headers: JSONObject = [
            "task": "tasks.note", "id": "1", "root_id": "0", "group": "g", "group_index": 3, "retries": 2,
            "timelimit": [60.0, 30], "argsrepr": .surrogateString([0x27, 0xD800, 0x27]), "origin": "gen1@bench",
            "ignore_result": true, "stamped_headers": ["s"], "stamps": ["s": ["v"]], "replaced_task_nesting": 1,
            "trace": ["big": .bigInteger("123456789012345678901234567890"), "tiny": -0.0, "text": "\u{1F600}"],
        ]
        try await withBench(options: .init(concurrency: 1)) {
            TaskHandler(named: "tasks.note") { context, _, _ in
                requests.add(context.request)
                return .null
            }
        } _: { bench async throws in
            var later = headers
            later["eta"] = .string(try PythonDateTime(Date(timeIntervalSinceNow: 0.3)).isoFormat)
            for headers in [headers, later] {
                let envelope = Envelope(headers: headers, properties: ["correlation_id": "c", "reply_to": "r"])
                bench.broker.memory.push(envelope.bytes, to: "celery")
            }
            let seen = try await requests.next(2)
            var waited = try #require(seen.last)
            #expect(waited.eta != nil && waited.headers["trace"] == headers["trace"])
            waited.eta = nil
            #expect(waited == seen.first)
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

    @Test func moreTasksThanTheLimitHoldUpNobodyAndAreSaid() async throws {
        let broker = RecordingBroker()
        let log = LogLines(.trace)
        let options = CeleryWorker.Options(concurrency: 1, prefetchMultiplier: 2, etaLimit: 5)
        try await withBench(broker: broker, options: options, logger: log.logger) {
            TaskHandler(named: "tasks.echo") { _, _, _ in 1 }
        } _: { bench async throws in
            for _ in 0..<400 {
                try await bench.client.enqueue(named: "tasks.echo", options: .init(countdown: .seconds(3600)))
            }
            #expect(try await bench.client.enqueue(named: "tasks.echo").value() == 1)
        }
        #expect(broker.memory.envelopes(in: "celery").count == 400)
        #expect(log.lines.count { $0.contains("many tasks wait for their eta") && $0.contains("limit=5") } == 1)
    }

    @Test func aTaskOfWhichOnlyTheTagIsKeptComesAgainWhenItIsDue() async throws {
        let runs = Counter()
        let start = Date()
        try await withBench(options: .init(concurrency: 1, etaLimit: 0)) {
            TaskHandler(named: "tasks.count") { _, _, _ in .integer(runs.next()) }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(
                named: "tasks.count", options: .init(countdown: .milliseconds(300)))
            #expect(try await task.value() == 1)
            #expect(Date().timeIntervalSince(start) >= 0.3)
        }
        #expect(runs.total == 1)
    }

    @Test func theBrokerHearsHowManyWaitAndWhenTheyNoLongerDo() async throws {
        let broker = RecordingBroker()
        let consumer = try await broker.makeConsumer(
            ConsumerConfiguration(queues: ["celery"], prefetch: 4), logger: Bench.logger)
        let session = ConsumerSession(consumer, prefetch: 4, concurrency: 1) { _, _ in }
        session.putAside(isHeld: true)
        session.putAside(isHeld: true)
        session.putAside(isHeld: false)
        session.takeBack()
        session.takeBack()
        var changes: [Int] = []
        for _ in 0..<4 { changes.append(try await broker.events.nextPrefetchChange()) }
        #expect(changes == [1, 2, 1, 0])
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
