import Testing

@testable import CeleryTransport

@Suite struct WithTimeoutTests {
    private struct Mishap: Error {}

    @Test func anOperationThatIsInTimeGivesItsValue() async throws {
        #expect(try await withTimeout(.seconds(60)) { 7 } == 7)
    }

    @Test func anErrorIsPassedOn() async {
        await #expect(throws: Mishap.self) { try await withTimeout(.seconds(60)) { throw Mishap() } }
    }

    @Test func theLimitHoldsForAnOperationThatIgnoresCancellation() async throws {
        let (stream, continuation) = AsyncStream<Int>.makeStream()
        let value = try await withTimeout(.milliseconds(10)) {
            // A task of its own does not hear of the cancellation.
            await Task { await stream.first { _ in true } }.value
        }
        #expect(value == .none)
        continuation.finish()
    }

    @Test func cancellingTheCallerEndsTheWaitAndCancelsTheOperation() async {
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let (ended, end) = AsyncStream<Void>.makeStream()
        let caller = Task {
            try await withTimeout(.seconds(60)) {
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
