import Testing

@testable import Celery

@Suite struct ClaimWaitTests {
    private func waits(_ remaining: Duration) -> [Duration] {
        var wait = ClaimWait()
        var waits: [Duration] = []
        while let next = wait.next(remaining) { waits.append(next) }
        return waits
    }

    /// Of a key without an end Redis says the same as of one that ends at once.
    @Test func aClaimThatNeverExpiresIsLookedAtLessAndLessOften() {
        let waits = waits(.zero)
        #expect(waits[0] <= .milliseconds(50))
        #expect(waits.count < 620)
        #expect(waits.allSatisfy { $0 <= .seconds(1) })
        #expect(waits.reduce(.zero, +) >= .seconds(300))
    }

    @Test func aClaimThatExpiresLaterIsLookedAtEachSecond() {
        #expect(waits(.seconds(6)) == Array(repeating: .seconds(1), count: 300))
    }

    @Test func aClaimThatExpiresSoonIsLookedAtThen() {
        var wait = ClaimWait()
        #expect(wait.next(.milliseconds(400)) == .milliseconds(400))
    }
}
