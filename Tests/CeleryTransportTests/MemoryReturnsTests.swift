import CeleryIO
import Testing

@testable import CeleryTransport

@Suite struct MemoryReturnsTests {
    /// What is done, in order.
    private let events = AsyncStream<String>.makeStream()

    private func returns(after delays: [Duration]) -> MemoryReturns {
        let continuation = events.continuation
        return MemoryReturns(
            after: delays, by: Deadlines(),
            MemoryReturns.Actions(
                begin: { continuation.yield("begin") }, giveBack: { continuation.yield("give back") },
                end: { continuation.yield("end") }))
    }

    private func next(_ count: Int) async -> [String] {
        var found: [String] = []
        for await event in events.stream {
            found.append(event)
            if found.count == count { break }
        }
        return found
    }

    @Test func memoryIsGivenBackSeveralTimesAndThenKeptAgain() async {
        let returns = returns(after: [.milliseconds(1), .milliseconds(1), .milliseconds(1)])
        returns.begin()
        #expect(await next(5) == ["begin", "give back", "give back", "give back", "end"])
        // And so it is the next time.
        returns.begin()
        #expect(await next(5) == ["begin", "give back", "give back", "give back", "end"])
    }

    @Test func whatIsUsedMeanwhileIsGivenBackByTheSameTimes() async {
        let returns = returns(after: [.milliseconds(20), .milliseconds(1)])
        for _ in 0..<100 { returns.begin() }
        #expect(await next(4) == ["begin", "give back", "give back", "end"])
    }

    @Test func aUseBetweenTwoTimesMakesThemAllComeAgain() async {
        let returns = returns(after: [.milliseconds(1), .seconds(1)])
        returns.begin()
        #expect(await next(2) == ["begin", "give back"])
        // The second time is to come, and is the first one after this use.
        returns.begin()
        #expect(await next(3) == ["give back", "give back", "end"])
    }
}
