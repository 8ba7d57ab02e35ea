import Celery
import CeleryProtocol
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct RateLimitTests {
    @Test func tasksStartNoMoreOftenThanTheyMay() async throws {
        let times = Notes<ContinuousClock.Instant>()
        try await withBench(options: .init(concurrency: 4)) {
            TaskHandler(named: "tasks.rare", options: .init(rateLimit: .perSecond(20))) { _, _, _ in
                times.add(.now)
                return 1
            }
        } _: { bench async throws in
            let begin = ContinuousClock.now
            for _ in 0..<5 { _ = try await bench.client.enqueue(named: "tasks.rare") }
            var last = try await times.next()
            for _ in 1..<5 { last = try await times.next() }
            // The first one starts at once.
            #expect(last - begin >= .milliseconds(200))
        }
    }

    @Test func aWorkerThatDisablesThemObeysNone() async throws {
        try await withBench(
            options: .init(concurrency: 1, rateLimit: .perHour(1), disablesRateLimits: true)
        ) {
            TaskHandler(named: "tasks.rare", options: .init(rateLimit: .perHour(1))) { _, args, _ in args[0] }
        } _: { bench async throws in
            for number in 0..<5 {
                let task = try await bench.client.enqueue(named: "tasks.rare", arguments: [.integer(number)])
                #expect(try await task.value() == .integer(number))
            }
        }
    }

    @Test func aHandlerMayHaveNoLimitWhereTheWorkerHasOne() async throws {
        try await withBench(options: .init(concurrency: 1, rateLimit: .perHour(1))) {
            TaskHandler(named: "tasks.often", options: .init(rateLimit: RateLimit.none)) { _, args, _ in args[0] }
        } _: { bench async throws in
            for number in 0..<3 {
                let task = try await bench.client.enqueue(named: "tasks.often", arguments: [.integer(number)])
                #expect(try await task.value() == .integer(number))
            }
        }
    }

    /// What is kept back comes again, and counts once.
    @Test func whatIsKeptBackOverALostConnectionIsForgotten() async throws {
        let broker = RecordingBroker()
        let options = CeleryWorker.Options(concurrency: 1, rateLimit: .perHour(1))
        try await withBench(broker: broker, options: options) {
            TaskHandler(named: "tasks.rare") { _, args, _ in args[0] }
        } _: { bench async throws in
            #expect(try await bench.client.enqueue(named: "tasks.rare", arguments: [1]).value() == 1)
            _ = try await bench.client.enqueue(named: "tasks.rare", arguments: [2])
            let reserved = {
                let replies = try await bench.client.control.ask("reserved", timeout: .seconds(20), limit: 1)
                return replies.first?.value.arrayValue?.count
            }
            while try await reserved() != 1 { await Task.yield() }
            broker.failures.add(TransportError(.connectionLost, "closed by the operator"))
            // Wakes the consumer, which fails then.
            _ = try await bench.client.enqueue(named: "tasks.rare", arguments: [3])
            while try await broker.events.next() != .opened(prefetch: options.prefetch) {}
            while try await reserved() != 2 { await Task.yield() }
        }
    }

    @Test(arguments: [
        ("10/m", RateLimit.perMinute(10)), ("5/s", .perSecond(5)), ("2/h", .perHour(2)), ("0.5/s", .perSecond(0.5)),
    ])
    func aTextSaysHowOften(text: String, limit: RateLimit) {
        #expect(RateLimit(text) == limit)
    }

    @Test(arguments: ["x", "1/x", "/m", "-1/s", "1/m/s", "inf", "nan/s", "0x10/s"])
    func aTextThatIsNone(text: String) { #expect(RateLimit(text) == nil) }
}
