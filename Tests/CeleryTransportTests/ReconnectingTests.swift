import CeleryIO
import TestSupport
import Testing

@testable import CeleryTransport

@Suite struct ReconnectingTests {
    private struct Mishap: Error {}

    /// Numbers the connections.
    private final class Attempts: Sendable {
        private let count = Locked(0)

        func next() -> Int {
            count.withLock {
                $0 += 1
                return $0
            }
        }
    }

    @Test func manyCallersShareOneConnection() async throws {
        let attempts = Attempts()
        let connection = Reconnecting { attempts.next() }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<50 { group.addTask { try await connection.get().connection } }
            for try await number in group { #expect(number == 1) }
        }
    }

    @Test func aReportedConnectionIsReplacedOnce() async throws {
        let attempts = Attempts()
        let connection = Reconnecting { attempts.next() }
        let first = try await connection.get()
        connection.report(broken: first.generation)
        #expect(try await connection.get().connection == 2)
        // Late: somebody else has reported it already.
        connection.report(broken: first.generation)
        #expect(try await connection.get().connection == 2)
    }

    @Test func aFailedAttemptIsMadeAgainByTheNextCaller() async throws {
        let attempts = Attempts()
        let connection = Reconnecting {
            let number = attempts.next()
            if number == 1 { throw Mishap() }
            return number
        }
        await #expect(throws: Mishap.self) { try await connection.get() }
        #expect(try await connection.get().connection == 2)
    }

    @Test func aCallerThatIsCancelledStopsWaitingAndTheAttemptGoesOn() async throws {
        let attempts = Attempts()
        let (go, goOn) = AsyncStream<Void>.makeStream()
        let (begun, beginning) = AsyncStream<Void>.makeStream()
        let connection = Reconnecting {
            let number = attempts.next()
            beginning.finish()
            for await _ in go {}
            // Cancelling a caller does not cancel the attempt.
            try Task.checkCancellation()
            return number
        }
        let cancelled = Task { try await connection.get() }
        for await _ in begun {}
        let other = Task { try await connection.get().connection }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { _ = try await cancelled.value }
        goOn.finish()
        #expect(try await other.value == 1)
        #expect(try await connection.get().connection == 1)
    }

    @Test func anAttemptThatFailsWhenNobodyWaitsIsNobodysFailure() async throws {
        let attempts = Attempts()
        let (go, goOn) = AsyncStream<Void>.makeStream()
        let (begun, beginning) = AsyncStream<Void>.makeStream()
        let (failed, failing) = AsyncStream<Void>.makeStream()
        let connection = Reconnecting {
            let number = attempts.next()
            guard number == 1 else { return number }
            beginning.finish()
            for await _ in go {}
            failing.finish()
            throw Mishap()
        }
        let cancelled = Task { try await connection.get() }
        for await _ in begun {}
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { _ = try await cancelled.value }
        goOn.finish()
        for await _ in failed {}
        // Whether this finds the attempt just before or after its end.
        do {
            #expect(try await connection.get().connection == 2)
        } catch is Mishap {
            #expect(try await connection.get().connection == 2)
        }
    }

    @Test func nothingIsConnectedAfterTheEnd() async throws {
        let connection = Reconnecting { 1 }
        _ = try await connection.get()
        #expect(await connection.close() == 1)
        await #expect(throws: TransportError.self) { try await connection.get() }
    }

    @Test func aConnectionThatIsBeingMadeIsThereToBeClosed() async throws {
        let (go, goOn) = AsyncStream<Void>.makeStream()
        let connection = Reconnecting {
            for await _ in go {}
            return 1
        }
        // The caller gets no further than to where it waits for the connection.
        let executor = ManualExecutor()
        let caller = Task(executorPreference: executor) { try await connection.get() }
        executor.run()
        goOn.finish()
        #expect(await connection.close() == 1)
        while executor.isIdle { await Task.yield() }
        executor.run()
        // It is its owner's to close now, and not for use.
        await #expect(throws: TransportError.self) { _ = try await caller.value }
    }
}
