import CeleryIO
import Testing

@testable import CeleryRedis

@Suite struct OutageLogTests {
    struct Problem: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    /// The test's clock.
    final class TestClock: Sendable {
        private let instant = Locked(ContinuousClock.now)
        var now: ContinuousClock.Instant { instant.withLock { $0 } }
        func pass(_ duration: Duration) { instant.withLock { $0 += duration } }
    }

    let log = LogLines()
    let clock = TestClock()
    var outages: OutageLog

    init() {
        outages = OutageLog(logger: log.logger, now: { [clock] in clock.now })
    }

    @Test mutating func anOutageIsALineAtEachEnd() {
        outages.lost(Problem("gone"))
        clock.pass(.seconds(130))
        outages.ended()
        #expect(
            log.lines == [
                "warning: a connection to Redis is lost, making a new one error=gone",
                "info: connected to Redis again after=130.0 s",
            ])
    }

    @Test mutating func eachReasonIsSaidOnceAndNotWithoutEnd() {
        outages.lost(Problem("gone"))
        for number in 0..<1000 {
            outages.failed(Problem("refused"))
            outages.failed(Problem("loading \(number)"))
        }
        #expect(log.lines.count < 12)
        #expect(log.lines.contains("warning: no connection to Redis, trying again error=refused"))
    }

    @Test mutating func manyShortLossesAreALineAMinute() {
        for _ in 0..<600 {
            outages.lost(Problem("idle for too long"))
            outages.ended()
            clock.pass(.seconds(1))
        }
        #expect(log.lines.count { $0.hasPrefix("warning") } == 10)
        #expect(log.lines.contains { $0.contains("again and again count=60") })
    }
}
