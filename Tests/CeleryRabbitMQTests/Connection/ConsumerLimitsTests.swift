import Testing

@testable import CeleryRabbitMQ

@Suite struct ConsumerLimitsTests {
    private let start = ContinuousClock.now

    private func limits(prefetch: Int, _ consumers: String...) -> ConsumerLimits {
        var limits = ConsumerLimits(prefetch: prefetch)
        limits.begin(consumers, limit: prefetch, now: start)
        return limits
    }

    @Test func ordinaryTasksNeedNoNewConsumers() {
        var limits = limits(prefetch: 4, "a", "b")
        #expect(limits.renewal(heldInAll: 0, now: start) == nil)
        for tag: UInt64 in 1...4 { limits.deliver(tag, by: "a") }
        for tag: UInt64 in 5...8 { limits.deliver(tag, by: "b") }
        #expect(limits.renewal(heldInAll: 8, now: start) == nil)
        for tag: UInt64 in 1...4 { limits.settle(tag) }
        #expect(limits.renewal(heldInAll: 4, now: start) == nil)
        #expect(limits.dueTime(heldInAll: 4) == nil)
    }

    @Test func oneQueueFullOfMessagesThatWaitIsEnough() {
        var limits = limits(prefetch: 4, "a", "b")
        for tag: UInt64 in 1...4 { limits.deliver(tag, by: "a") }
        limits.extra = 4
        #expect(limits.renewal(heldInAll: 4, now: start) == 4)
        limits.begin(["c", "d"], limit: 4, now: start)
        #expect(limits.renewal(heldInAll: 4, now: start) == nil)
        // What former consumers have delivered does not count against the new ones.
        limits.settle(1)
        limits.deliver(9, by: "a")
        #expect(limits.renewal(heldInAll: 4, now: start) == nil)
    }

    @Test func manyThatWaitAreLetInByTheBatch() {
        var limits = limits(prefetch: 4, "a")
        for tag: UInt64 in 1...4 { limits.deliver(tag, by: "a") }
        limits.extra = 800
        #expect(limits.renewal(heldInAll: 800, now: start) == 104)
        limits.begin(["b"], limit: 104, now: start)
        for tag: UInt64 in 5...108 { limits.deliver(tag, by: "b") }
        limits.extra = 904
        #expect(limits.renewal(heldInAll: 904, now: start) == 117)
    }

    @Test func aLimitThatIsTooHighIsLoweredAfterAWhile() throws {
        var limits = limits(prefetch: 4, "a")
        limits.extra = 124
        let limit = try #require(limits.renewal(heldInAll: 4, now: start))
        limits.begin(["b"], limit: limit, now: start)
        limits.extra = 0
        #expect(limits.renewal(heldInAll: 0, now: start) == nil)
        let due = try #require(limits.dueTime(heldInAll: 0))
        #expect(due > start)
        #expect(limits.renewal(heldInAll: 0, now: due) == 4)
    }
}
