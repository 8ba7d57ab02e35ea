import CeleryIO
import Testing

@Suite struct BackoffTests {
    @Test func eachWaitIsBetweenHalfAndAllOfAStepThatDoubles() {
        for _ in 0..<100 {
            var backoff = Backoff(first: .milliseconds(100), maximum: .seconds(1))
            for step in [100, 200, 400, 800, 1000, 1000, 1000] {
                let delay = backoff.delay()
                #expect(delay >= .milliseconds(step) / 2 && delay <= .milliseconds(step))
            }
        }
    }

    @Test func theWaitsDiffer() {
        let waits = (0..<50).map { _ in
            var backoff = Backoff()
            return backoff.delay()
        }
        #expect(Set(waits).count > 25)
    }

    @Test func aSuccessStartsAgain() {
        var backoff = Backoff(first: .milliseconds(10), maximum: .seconds(30))
        for _ in 0..<10 { _ = backoff.delay() }
        backoff.reset()
        #expect(backoff.delay() <= .milliseconds(10))
    }

    @Test func theMaximumIsNeverExceeded() {
        var backoff = Backoff(first: .seconds(1), maximum: .seconds(30))
        for _ in 0..<10_000 { #expect(backoff.delay() <= .seconds(30)) }
    }
}
