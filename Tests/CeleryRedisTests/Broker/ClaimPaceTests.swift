import Testing

@testable import CeleryRedis

@Suite struct ClaimPaceTests {
    private let start = ContinuousClock.now

    /// Claims as soon as it may, over and over, and finds nothing. Returns when each claim began.
    private func claimInVain(_ pace: inout ClaimPace, from start: ContinuousClock.Instant, count: Int)
        -> [ContinuousClock.Instant]
    {
        var (now, times): (ContinuousClock.Instant, [ContinuousClock.Instant]) = (start, [])
        for _ in 0..<count {
            now = pace.nextClaim(at: now) ?? now
            pace.begin(at: now)
            times.append(now)
            _ = pace.foundNothing()
        }
        return times
    }

    @Test func aFewClaimsInVainAreFreeAndThenPausesGrowToTheLongestOne() {
        var pace = ClaimPace()
        let times = claimInVain(&pace, from: start, count: 100)
        #expect(times[ClaimPace.freeClaims] == start)
        let pauses = zip(times, times.dropFirst()).map { $1 - $0 }
        #expect(pauses.last.map { $0 >= ClaimPace.longestPause / 2 } == true)
        #expect(pauses.allSatisfy { $0 <= ClaimPace.longestPause })
        #expect(times[99] - times[0] > .seconds(9))
    }

    @Test func whatIsAnnouncedAfterThePauseIsClaimedAtOnce() throws {
        var pace = ClaimPace()
        let last = try #require(claimInVain(&pace, from: start, count: 50).last)
        #expect(pace.nextClaim(at: last) != nil)
        #expect(pace.nextClaim(at: last + ClaimPace.longestPause) == nil)
    }

    @Test func whenSomethingIsFoundTheNextAnnouncementCountsAgain() throws {
        var pace = ClaimPace()
        let last = try #require(claimInVain(&pace, from: start, count: 50).last)
        pace.reset()
        #expect(pace.nextClaim(at: last) == nil)
        let times = claimInVain(&pace, from: last, count: ClaimPace.freeClaims)
        #expect(times.last == last)
    }

    @Test func claimsInVainThatAreFarFromEachOtherAreFree() {
        var pace = ClaimPace()
        for number in 0..<100 {
            let now = start + .seconds(number)
            #expect(pace.nextClaim(at: now) == nil)
            pace.begin(at: now)
            let isSlow = pace.foundNothing()
            #expect(!isSlow)
        }
    }

    @Test func thatClaimsAreSlowIsSaidWhenTheyAre() {
        var pace = ClaimPace()
        var now = start
        var saidAfter: Int?
        for number in 0..<100 where saidAfter == nil {
            now = pace.nextClaim(at: now) ?? now
            pace.begin(at: now)
            if pace.foundNothing() { saidAfter = number }
        }
        #expect(saidAfter.map { (ClaimPace.freeClaims...(ClaimPace.freeClaims + 8)).contains($0) } == true)
    }
}
