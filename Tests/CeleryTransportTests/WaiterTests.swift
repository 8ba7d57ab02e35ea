import Testing

@testable import CeleryTransport

@Suite struct WaiterTests {
    private struct Mishap: Error {}

    private let waiter = Waiter<Int?>()
    private let late = ContinuousClock.now + .seconds(60)

    @Test(arguments: [false, true])
    func anOutcomeThatIsInTimeCounts(isLimited: Bool) async throws {
        #expect(try await waiter.value(until: isLimited ? late : nil) { waiter.settle(.success(7)) } == 7)
    }

    @Test func theOutcomeMayComeLaterAndFromElsewhere() async throws {
        let value = try await waiter.value(until: late) {
            Task { waiter.settle(.success(7)) }
        }
        #expect(value == 7)
    }

    @Test func theFirstOutcomeCounts() async throws {
        let value = try await waiter.value(until: late) {
            #expect(waiter.settle(.success(1)))
            #expect(!waiter.settle(.success(2)))
            throw Mishap()
        }
        #expect(value == 1)
    }

    @Test func anErrorIsAnOutcome() async {
        await #expect(throws: Mishap.self) { try await waiter.value(until: late) { throw Mishap() } }
        let other = Waiter<Int?>()
        await #expect(throws: Mishap.self) { try await other.value(until: late) { other.settle(.failure(Mishap())) } }
    }

    @Test func theLimitHoldsForOneThatIgnoresCancellation() async throws {
        let (stream, continuation) = AsyncStream<Int>.makeStream()
        let value = try await waiter.value(until: .now + .milliseconds(10)) {
            // A task of its own does not hear of the cancellation.
            let value = await Task { await stream.first { _ in true } }.value
            waiter.settle(.success(value))
        }
        #expect(value == nil)
        continuation.finish()
    }

    @Test func cancellingTheCallerEndsTheWaitAndCancelsWhatWasBegun() async {
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let (ended, end) = AsyncStream<Void>.makeStream()
        let caller = Task {
            try await waiter.value(until: late) {
                begin.finish()
                // Ends when it is cancelled.
                for await _ in AsyncStream<Never>.makeStream().stream {}
                end.finish()
            }
        }
        for await _ in begun {}
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        for await _ in ended {}
    }
}
