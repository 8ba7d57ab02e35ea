import CeleryIO
import Testing

@Suite struct RetryScheduleTests {
    @Test func eachWaitIsBetweenHalfAndAllOfAStepThatDoubles() throws {
        for _ in 0..<100 {
            var schedule = RetrySchedule(first: .milliseconds(100), maximum: .seconds(1))
            for step in [100, 200, 400, 800, 1000, 1000, 1000] {
                let next = schedule.nextDelay()
                let delay = try #require(next)
                #expect(delay >= .milliseconds(step) / 2 && delay <= .milliseconds(step))
            }
        }
    }

    @Test func theWaitsDiffer() {
        let waits = (0..<50).map { _ in
            var schedule = RetrySchedule()
            return schedule.nextDelay()
        }
        #expect(Set(waits).count > 25)
    }

    @Test func afterSoManyTriesThereIsNone() {
        var schedule = RetrySchedule(tries: 2)
        #expect(schedule.nextDelay() != nil)
        #expect(schedule.nextDelay() != nil)
        #expect(schedule.nextDelay() == nil)
        schedule.reset()
        #expect(schedule.nextDelay() != nil)
        var none = RetrySchedule(tries: 0)
        #expect(none.nextDelay() == nil)
    }

    @Test func theLastTryBeginsAtTheDeadline() {
        let now = ContinuousClock.now
        var schedule = RetrySchedule(first: .seconds(10), deadline: now + .seconds(3))
        #expect(schedule.nextDelay(now: now) == .seconds(3))
        #expect(schedule.nextDelay(now: now + .seconds(3)) == nil)
    }

    @Test func theFirstTryMayBeAtOnce() throws {
        var schedule = RetrySchedule(first: .milliseconds(200), tries: 2, isFirstAtOnce: true)
        #expect(schedule.nextDelay() == .zero)
        let next = schedule.nextDelay()
        let second = try #require(next)
        #expect(second >= .milliseconds(100) && second <= .milliseconds(200))
        #expect(schedule.nextDelay() == nil)
        schedule.reset()
        #expect(schedule.nextDelay() == .zero)
    }

    @Test func progressStartsAgain() throws {
        var schedule = RetrySchedule(first: .milliseconds(10), maximum: .seconds(30))
        for _ in 0..<10 { _ = schedule.nextDelay() }
        #expect(schedule.failures == 10)
        schedule.reset(afterLasting: .seconds(30))
        #expect(schedule.failures == 10)
        schedule.reset(afterLasting: .seconds(31))
        #expect(schedule.failures == 0)
        let next = schedule.nextDelay()
        #expect(try #require(next) <= .milliseconds(10))
    }

    @Test func theMaximumIsNeverExceeded() throws {
        var schedule = RetrySchedule(first: .seconds(1), maximum: .seconds(30))
        for _ in 0..<10_000 {
            let next = schedule.nextDelay()
            #expect(try #require(next) <= .seconds(30))
        }
    }
}
