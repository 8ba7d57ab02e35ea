import Testing

@testable import CeleryRedis

@Suite struct ClaimPaceTests {
    private let start = ContinuousClock.now

    /// Claims whenever it may, and finds nothing; each time something is announced `delay` later. Returns when each claim
    /// began.
    private func claimInVain(
        _ pace: inout ClaimPace, from start: ContinuousClock.Instant, count: Int, announcedAfter delay: Duration = .zero
    ) -> [ContinuousClock.Instant] {
        var (now, times): (ContinuousClock.Instant, [ContinuousClock.Instant]) = (start, [])
        for _ in 0..<count {
            pace.begin(at: now)
            times.append(now)
            _ = pace.foundNothing(at: now)
            now += delay
            now = pace.announced(at: now) ?? now
        }
        return times
    }

    private func pauses(between times: [ContinuousClock.Instant]) -> [Duration] {
        zip(times, times.dropFirst()).map { $1 - $0 }
    }

    @Test func aFewClaimsInVainAreFreeAndThenPausesGrowToTheLongestOne() {
        var pace = ClaimPace()
        let times = claimInVain(&pace, from: start, count: 100)
        #expect(times[ClaimPace.freeClaims - 1] == start)
        let pauses = pauses(between: times)
        #expect(pauses.last.map { $0 >= ClaimPace.longestPause / 2 } == true)
        #expect(pauses.allSatisfy { $0 <= ClaimPace.longestPause })
        #expect(times[99] - times[0] > .seconds(4))
    }

    @Test func whatIsAnnouncedAfterThePauseIsClaimedAtOnce() throws {
        var pace = ClaimPace()
        let last = try #require(claimInVain(&pace, from: start, count: 50).last)
        #expect(pace.announced(at: last) != nil)
        #expect(pace.announced(at: last + ClaimPace.longestPause) == nil)
    }

    @Test func whatOtherWorkersAreFasterToTakeIsNoReasonToPause() {
        var pace = ClaimPace()
        let delay = Duration.milliseconds(3)
        let times = claimInVain(&pace, from: start, count: 1000, announcedAfter: delay)
        #expect(pauses(between: times).allSatisfy { $0 == delay })
    }

    @Test func anAnnouncementThatIsNoEchoShortensThePause() throws {
        var pace = ClaimPace()
        let last = try #require(claimInVain(&pace, from: start, count: 50).last)
        pace.begin(at: last)
        _ = pace.foundNothing(at: last)
        let late = last + ClaimPace.echoTime + .milliseconds(1)
        let next = pace.announced(at: late) ?? late
        #expect(next - last <= ClaimPace.longestPause / 4)
    }

    @Test func whenSomethingIsFoundTheNextAnnouncementCountsAgain() throws {
        var pace = ClaimPace()
        let last = try #require(claimInVain(&pace, from: start, count: 50).last)
        pace.reset()
        #expect(pace.announced(at: last) == nil)
        let times = claimInVain(&pace, from: last, count: ClaimPace.freeClaims)
        #expect(times.last == last)
    }

    @Test func claimsInVainThatAreFarFromEachOtherAreFree() {
        var pace = ClaimPace()
        for number in 0..<100 {
            let now = start + .seconds(number)
            #expect(pace.announced(at: now) == nil)
            pace.begin(at: now)
            let isSlow = pace.foundNothing(at: now)
            #expect(!isSlow)
        }
    }

    @Test func thatClaimsAreSlowIsSaidWhenTheyAre() {
        var pace = ClaimPace()
        var now = start
        var saidAfter: Int?
        for number in 0..<100 where saidAfter == nil {
            pace.begin(at: now)
            if pace.foundNothing(at: now) { saidAfter = number }
            now = pace.announced(at: now) ?? now
        }
        #expect(saidAfter.map { (ClaimPace.freeClaims...(ClaimPace.freeClaims + 8)).contains($0) } == true)
    }
}
