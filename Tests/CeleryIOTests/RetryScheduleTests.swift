import CeleryIO
import Testing

@Suite struct RetryScheduleTests {
    @Test func eachWaitIsBetweenHalfAndAllOfAStepThatDoubles() {
        for _ in 0..<100 {
            var schedule = RetrySchedule(first: .milliseconds(100), maximum: .seconds(1))
            for step in [100, 200, 400, 800, 1000, 1000, 1000] {
                let delay = schedule.nextDelay()
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

    @Test func theFirstTryMayBeAtOnce() {
        var schedule = RetrySchedule(first: .milliseconds(200), isFirstAtOnce: true)
        #expect(schedule.nextDelay() == .zero)
        let second = schedule.nextDelay()
        #expect(second >= .milliseconds(100) && second <= .milliseconds(200))
        schedule.reset()
        #expect(schedule.nextDelay() == .zero)
    }

    @Test func progressStartsAgain() {
        var schedule = RetrySchedule(first: .milliseconds(10), maximum: .seconds(30))
        for _ in 0..<10 { _ = schedule.nextDelay() }
        #expect(schedule.failures == 10)
        schedule.reset(afterLasting: .seconds(30))
        #expect(schedule.failures == 10)
        schedule.reset(afterLasting: .seconds(31))
        #expect(schedule.failures == 0)
        #expect(schedule.nextDelay() <= .milliseconds(10))
    }

    @Test func theMaximumIsNeverExceeded() {
        var schedule = RetrySchedule(first: .seconds(1), maximum: .seconds(30))
        for _ in 0..<10_000 {
            #expect(schedule.nextDelay() <= .seconds(30))
        }
    }
}
