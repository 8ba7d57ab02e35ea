import CeleryTransport
import TestSupport
import Testing

@testable import CeleryRedis

@Suite(.timeLimit(.minutes(1))) struct RedisNewsTests {
    private typealias Completion = @Sendable (Result<Bool, any Error>) -> Void

    /// What may happen while a claim is under way.
    enum Event: CaseIterable {
        case push, loss, wake, cancellation
    }

    private let news = RedisNews()
    private let executor = ManualExecutor()
    /// The claims that were made: they end when the test says so.
    private let claims = Notes<Completion>()
    private let waiting: Task<Void, any Error>

    /// With a task that waits.
    init() {
        waiting = Task(executorPreference: executor) { [news, claims] in
            try await news.wait { claims.add($0) }
        }
        executor.run()
    }

    @Test func pushesWakeNobodyAsLongAsTheClaimsSaySo() async throws {
        for _ in 0..<3 {
            news.pushed()
            let completion = try await claims.next()
            completion(.success(true))
            #expect(executor.isIdle)
        }
        news.pushed()
        let completion = try await claims.next()
        completion(.success(false))
        executor.run()
        try await waiting.value
        #expect(!news.isClaimDue)
    }

    @Test(arguments: Event.allCases) func whatHappensDuringAClaimEndsTheWaitAfterIt(event: Event) async throws {
        news.pushed()
        let completion = try await claims.next()
        switch event {
        case .push: news.pushed()
        case .loss: news.lost(TransportError(.connectionLost, "gone"))
        case .wake: news.wake()
        case .cancellation: waiting.cancel()
        }
        #expect(executor.isIdle)
        completion(.success(true))
        executor.run()
        try await waiting.value
        #expect(news.isClaimDue)
    }

    @Test func aClaimThatFailsEndsTheWait() async throws {
        news.pushed()
        let completion = try await claims.next()
        completion(.failure(TransportError(.connectionLost, "gone")))
        executor.run()
        await #expect(throws: TransportError.self) { try await waiting.value }
    }
}
