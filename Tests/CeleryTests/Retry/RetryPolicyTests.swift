import CeleryProtocol
import Testing

@testable import Celery

@Suite(.timeLimit(.minutes(1))) struct RetryPolicyTests {
    @Test func anExponentialBackoffDoublesUpToItsMaximum() {
        let backoff = RetryPolicy.Backoff.exponential(from: .seconds(2), max: .seconds(60), jitter: false)
        #expect((0...7).map { backoff.countdown(retries: $0) } == [2, 4, 8, 16, 32, 60, 60, 60].map { .seconds($0) })
    }

    @Test func jitterIsAnythingFromNothingToTheWholeWait() {
        let backoff = RetryPolicy.Backoff.exponential(from: .seconds(1), max: .seconds(600))
        let waits = (0..<1000).map { _ in backoff.countdown(retries: 3) }
        #expect(waits.allSatisfy { $0 >= .zero && $0 <= .seconds(8) })
        #expect(waits.contains { $0 < .seconds(2) })
        #expect(waits.contains { $0 > .seconds(6) })
    }

    @Test func aConstantBackoffStaysTheSame() {
        let backoff = RetryPolicy.Backoff.constant(.milliseconds(1500))
        #expect((0...5).allSatisfy { backoff.countdown(retries: $0) == .milliseconds(1500) })
    }

    /// The count comes from the message: whatever it is, the answer is there at once.
    @Test(arguments: [Duration.zero, .seconds(1)])
    func anyNumberOfRetriesHasABackoff(base: Duration) {
        let backoff = RetryPolicy.Backoff.exponential(from: base, max: .seconds(600), jitter: false)
        #expect(backoff.countdown(retries: .max) == (base == .zero ? .zero : .seconds(600)))
        #expect(backoff.countdown(retries: .min) == base)
    }

    @Test func theDefaultsAreCelerys() {
        #expect(RetryPolicy.manual().maxRetries == 3)
        #expect(RetryPolicy.manual().backoff.countdown(retries: 2) == .seconds(180))
    }

    @Test func anAutomaticPolicyTakesOnlyItsOwnErrors() {
        struct Mine: Error {}
        struct Other: Error {}
        let typed = RetryPolicy.automatic(on: Mine.self)
        #expect(typed.retriesOn(Mine()))
        #expect(!typed.retriesOn(Other()))
        let chosen = RetryPolicy.automatic { ($0 as? TaskFailure)?.type == "OSError" }
        #expect(chosen.retriesOn(TaskFailure(type: "OSError", message: "")))
        #expect(!chosen.retriesOn(Mine()))
    }
}
