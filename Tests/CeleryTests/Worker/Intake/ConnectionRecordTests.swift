import Testing

@testable import Celery

@Suite(.timeLimit(.minutes(1))) struct ConnectionRecordTests {
    private let start = ContinuousClock.now

    @Test func theFirstLossIsALineAtOnceAndSoIsTheReturn() {
        var record = ConnectionRecord()
        #expect(record.opened(at: start) == .first)
        #expect(record.hasSucceeded)
        record.ended(hasSettled: true, at: start + .seconds(1))
        #expect(record.failed(at: start + .seconds(1)).isWorthALine)
        #expect(record.opened(at: start + .seconds(4)) == .again(after: .seconds(3)))
    }

    @Test func aBrokerThatIsAwayForLongIsAFewLines() {
        var record = ConnectionRecord()
        let lines = (0..<3600).count { record.failed(at: start + .seconds($0)).isWorthALine }
        #expect((3...15).contains(lines))
        #expect(!record.hasSucceeded)
    }

    @Test func connectionsThatAreLostAtOnceComeMoreAndMoreRarelyAndAreFewLines() {
        var record = ConnectionRecord()
        var now = start
        var lines = 0
        for _ in 0..<100 {
            if record.opened(at: now) != .unremarkable { lines += 1 }
            now += .milliseconds(10)
            record.ended(hasSettled: false, at: now)
            let (delay, isWorthALine) = record.failed(at: now)
            if isWorthALine { lines += 1 }
            now += delay
        }
        // A wait of 15 to 30 seconds each, in the end.
        #expect(now - start > .seconds(90 * 15))
        #expect(lines < 25)
    }

    @Test(arguments: [(true, Duration.milliseconds(1)), (false, .seconds(10))])
    func progressMakesTheWaitsShortAgain(hasSettled: Bool, age: Duration) {
        var record = ConnectionRecord()
        for _ in 0..<20 { _ = record.failed(at: start) }
        #expect(record.failed(at: start).delay > .seconds(10))
        _ = record.opened(at: start)
        record.ended(hasSettled: hasSettled, at: start + age)
        let (delay, isWorthALine) = record.failed(at: start + age)
        #expect(delay <= .milliseconds(100))
        #expect(isWorthALine)
    }
}
