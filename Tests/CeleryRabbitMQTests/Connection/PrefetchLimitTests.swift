import Testing

@testable import CeleryRabbitMQ

@Suite struct PrefetchLimitTests {
    private let now = ContinuousClock.now

    private func limit(_ wished: Int, isGlobal: Bool, queueCount: Int = 1) -> PrefetchLimit {
        var limit = PrefetchLimit(wished, queueCount: queueCount)
        limit.begin(isGlobal: isGlobal)
        return limit
    }

    @Test func noLimitIsSaidOnlyWhereItMayChange() {
        #expect(limit(0, isGlobal: true).isSaid)
        #expect(!limit(0, isGlobal: false).isSaid)
        #expect(limit(1, isGlobal: false).isSaid)
    }

    @Test func theLimitOfAChannelFollowsWhatMayBeHeld() {
        var limit = limit(10, isGlobal: true)
        limit.begin(["a"], now: now)
        #expect(!limit.isOfConsumers)
        // The second time it was told, the third time nobody may be told.
        let told = [(5, true), (5, true), (9, false)].map { limit.adjust(extra: $0, isConsuming: $1) }
        #expect(told == [true, false, false])
        #expect(limit.count == 15)
    }

    @Test func theLimitsOfConsumersAreRenewed() throws {
        var limit = limit(10, isGlobal: false)
        limit.begin(["a"], now: now)
        #expect(limit.isOfConsumers)
        for tag: UInt64 in 1...10 { limit.deliver(tag, by: "a") }
        #expect(limit.renewal(heldInAll: 10, now: now) == nil)
        let isTold = limit.adjust(extra: 10, isConsuming: true)
        #expect(!isTold)
        let renewed = try #require(limit.renewal(heldInAll: 10, now: now))
        limit.renew(["b"], limit: renewed, now: now)
        #expect(limit.count == renewed)
        #expect(limit.renewal(heldInAll: 10, now: now) == nil)
    }

    @Test func asManyAcknowledgementsMayBeUnheardAsWereEverLetIn() {
        #expect(limit(0, isGlobal: false).mostUnheard == 65_536)
        #expect(limit(10, isGlobal: true).mostUnheard == 1024)
        var limit = limit(1000, isGlobal: true, queueCount: 3)
        #expect(limit.mostUnheard == 6000)
        _ = limit.adjust(extra: 1000, isConsuming: true)
        _ = limit.adjust(extra: 0, isConsuming: true)
        #expect(limit.mostUnheard == 12_000)
        _ = limit.adjust(extra: 60_000, isConsuming: true)
        #expect(limit.mostUnheard == 65_536)
    }
}
