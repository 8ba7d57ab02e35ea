import Testing

@testable import CeleryTransport

@Suite struct WakeSignalTests {
    @Test func aSignalBeforeTheWaitIsNotLost() async throws {
        let signal = WakeSignal()
        signal.signal()
        try await signal.wait()
    }

    @Test func aSignalIsForgottenWhenItIsCleared() async throws {
        let signal = WakeSignal()
        signal.signal()
        signal.clear()
        #expect(try await withTimeout(.milliseconds(20)) { try await signal.wait() } == nil)
    }

    @Test func aWaitCanBeCancelled() async {
        let signal = WakeSignal()
        let waiter = Task { try await signal.wait() }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
    }
}
