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
        let waiter = Waiter<Bool?>()
        let wasSignalled = try await waiter.value(until: .now + .milliseconds(20)) {
            try await signal.wait()
            waiter.settle(.success(true))
        }
        #expect(wasSignalled == nil)
    }

    @Test func aWaitCanBeCancelled() async {
        let signal = WakeSignal()
        let waiter = Task { try await signal.wait() }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
    }
}
