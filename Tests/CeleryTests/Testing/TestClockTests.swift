import Celery
import CeleryTesting
import CeleryTransport
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct TestClockTests {
    static let remind = TaskDefinition("remind", Parameter("who", as: String.self), returning: String.self)
    static let start = Date(timeIntervalSince1970: 1_000_000_000)

    private struct NotYet: Error {}

    private let clock = TestClock(now: start)

    private func withWorker<Value: Sendable>(_ body: (CeleryClient) async throws -> Value) async throws -> Value {
        try await withTestCelery(clock: clock) {
            TaskHandler(Self.remind) { _, who in "\(who) is reminded" }
            TaskHandler(
                TaskDefinition("flaky", returning: Int.self),
                retry: .automatic(
                    on: NotYet.self, maxRetries: 4, backoff: .exponential(from: .seconds(60), jitter: false))
            ) { context in
                guard context.retries == 3 else { throw NotYet() }
                return context.retries
            }
        } _: { client in
            try await body(client)
        }
    }

    @Test func aCountdownOfADayIsOverAtOnceWhenTheClockIsMoved() async throws {
        try await withWorker { client in
            let options = SendOptions(countdown: .seconds(86_400))
            let task = try await client.enqueue(Self.remind("Ann"), options: options)
            #expect(try await clock.advanceToNextTask() == Self.start.addingTimeInterval(86_400))
            #expect(try await task.value() == "Ann is reminded")
        }
    }

    @Test func whatIsNotDueYetWaits() async throws {
        try await withWorker { client in
            let late = try await client.enqueue(Self.remind("Bob"), options: SendOptions(countdown: .seconds(7200)))
            let soon = try await client.enqueue(Self.remind("Ann"), options: SendOptions(countdown: .seconds(3600)))
            clock.advance(by: .seconds(3600))
            #expect(try await soon.value() == "Ann is reminded")
            #expect(try await late.status() == .pending)
            clock.advance(to: Self.start)
            #expect(clock.now == Self.start.addingTimeInterval(3600))
            clock.advance(by: .seconds(3600))
            #expect(try await late.value() == "Bob is reminded")
        }
    }

    @Test func retriesWithBackoffNeedNoTime() async throws {
        try await withWorker { client in
            let task = try await client.enqueue(named: "flaky")
            var times: [Date] = []
            for _ in 0..<3 { times.append(try await clock.advanceToNextTask()) }
            #expect(try await task.value() == 3)
            #expect(times == [60, 180, 420].map { Self.start.addingTimeInterval($0) })
        }
    }

    @Test func aTaskThatCameTooLateIsRevoked() async throws {
        try await withWorker { client in
            let options = SendOptions(countdown: .seconds(60), expires: .after(.seconds(30)))
            let task = try await client.enqueue(Self.remind("Ann"), options: options)
            try await clock.advanceToNextTask()
            let error = await #expect(throws: TaskFailure.self) { try await task.value() }
            #expect(error?.type == "TaskRevokedError")
        }
    }

    @Test func waitingForATaskThatNeverComesCanBeCancelled() async throws {
        let waiting = Task { [clock] in try await clock.advanceToNextTask() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }
}
