import Celery
import CeleryProtocol
import CeleryTesting
import Testing

/// Spans of time that no clock and no calendar holds.
@Suite(.timeLimit(.minutes(1))) struct LongTimesTests {
    private static let endless = Duration.seconds(Int64.max)

    @Test(arguments: [
        SendOptions(countdown: endless), SendOptions(expires: .after(endless)), SendOptions(countdown: .zero - endless),
    ])
    func aTaskIsNotSentForATimeThatNoCalendarHas(options: SendOptions) async throws {
        try await withBench {
            TaskHandler(named: "a") { _, _, _ in 1 }
        } _: { bench async throws in
            let error = await #expect(throws: CeleryError.self) {
                try await bench.client.enqueue(named: "a", options: options)
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func aWaitMayBeAsLongAsOneLikes() async throws {
        try await withBench {
            TaskHandler(named: "a") { _, _, _ in 1 }
        } _: { bench async throws in
            let options = SendOptions(timeLimit: Self.endless, softTimeLimit: Self.endless)
            #expect(try await bench.client.enqueue(named: "a", options: options).value(timeout: Self.endless) == 1)
        }
    }

    @Test func aRetryAfterATimeThatNoCalendarHasFails() async throws {
        try await withBench {
            TaskHandler(named: "a") { _, _, _ in throw Retry(after: Self.endless) }
        } _: { bench async throws in
            let task = try await bench.client.enqueue(named: "a")
            await #expect(throws: TaskFailure.self) { try await task.value(timeout: .seconds(20)) }
        }
    }

    @Test func aClockOfATestStopsAtNoTrap() async throws {
        let clock = TestClock()
        try await withTestCelery(clock: clock) {
            TaskHandler(named: "a") { _, _, _ in 1 }
        } _: { client async throws in
            let task = try await client.enqueue(named: "a", options: SendOptions(countdown: .seconds(1e9)))
            clock.advance(by: Self.endless)
            #expect(try await task.value(timeout: .seconds(20)) == 1)
        }
    }
}
