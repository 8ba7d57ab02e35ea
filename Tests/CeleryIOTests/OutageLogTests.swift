import CeleryIO
import Testing

@Suite struct OutageLogTests {
    var outages = OutageLog()
    let start = ContinuousClock.now

    @Test mutating func anOutageIsALineAtEachEnd() {
        #expect(outages.failed(because: "gone", at: start) == 1)
        #expect(outages.failed(because: "gone", at: start + .seconds(5)) == nil)
        #expect(outages.worksAgain(at: start + .seconds(9)) == .seconds(9))
        #expect(outages.worksAgain(at: start + .seconds(9)) == nil)
    }

    @Test mutating func aLongOutageIsALineInGrowingIntervals() {
        let lines = (0..<3600).compactMap { outages.failed(because: "gone", at: start + .seconds($0)) }
        #expect(lines == [1, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600])
        #expect(outages.worksAgain(at: start + .seconds(3600)) == .seconds(3600))
    }

    @Test mutating func eachReasonIsSaidOnceAndNotWithoutEnd() {
        var lines = 0
        for number in 0..<1000 {
            if outages.failed(because: "refused", at: start) != nil { lines += 1 }
            if outages.failed(because: "loading \(number)", at: start) != nil { lines += 1 }
        }
        #expect(lines == 8)
    }

    @Test mutating func withoutAReasonOnlyTheTimeCounts() {
        #expect(outages.failed(at: start) == 1)
        #expect(outages.failed(at: start) == nil)
        #expect(outages.failed(at: start + .seconds(10)) == 2)
    }

    @Test mutating func manyShortOutagesAreFewLines() {
        var lines: [Int] = []
        var returns = 0
        for second in 0..<600 {
            let now = start + .seconds(second)
            if let count = outages.failed(because: "idle for too long", at: now) { lines.append(count) }
            if outages.worksAgain(at: now + .milliseconds(10)) != nil { returns += 1 }
        }
        #expect(lines == [1, 10, 20, 40, 80, 160])
        #expect(returns == lines.count, "only what was said to be lost is said to be back")
    }

    @Test mutating func whatHasWorkedForAMinuteIsALineAtOnce() {
        for second in 0..<400 {
            _ = outages.failed(because: "gone", at: start + .seconds(second))
            _ = outages.worksAgain(at: start + .seconds(second))
        }
        #expect(outages.failed(because: "gone", at: start + .seconds(458)) == nil)
        _ = outages.worksAgain(at: start + .seconds(458))
        #expect(outages.failed(because: "gone", at: start + .seconds(518)) == 1)
    }

    @Test mutating func progressMakesTheNextFailureALine() {
        #expect(outages.failed(because: "gone", at: start) == 1)
        outages.reset()
        #expect(outages.failed(because: "gone", at: start) == 1)
    }
}
