import CeleryIO
import TestSupport
import Testing

@testable import CeleryTransport

@Suite(.timeLimit(.minutes(1))) struct HeapTrimmerTests {
    /// What is done, in order.
    private let events = Notes<String>()

    private func returns(after delays: [Duration]) -> HeapTrimmer {
        HeapTrimmer(
            after: delays, by: Deadlines(),
            HeapTrimmer.Actions(
                begin: { [events] in events.add("begin") }, giveBack: { [events] in events.add("give back") },
                end: { [events] in events.add("end") }))
    }

    @Test func memoryIsGivenBackSeveralTimesAndThenKeptAgain() async throws {
        let returns = returns(after: [.milliseconds(1), .milliseconds(1), .milliseconds(1)])
        returns.begin()
        #expect(try await events.next(5) == ["begin", "give back", "give back", "give back", "end"])
        // And so it is the next time.
        returns.begin()
        #expect(try await events.next(5) == ["begin", "give back", "give back", "give back", "end"])
    }

    @Test func whatIsUsedMeanwhileIsGivenBackByTheSameTimes() async throws {
        let returns = returns(after: [.milliseconds(20), .milliseconds(1)])
        for _ in 0..<100 { returns.begin() }
        #expect(try await events.next(4) == ["begin", "give back", "give back", "end"])
    }

    @Test func aUseBetweenTwoTimesMakesThemAllComeAgain() async throws {
        let returns = returns(after: [.milliseconds(1), .seconds(1)])
        returns.begin()
        #expect(try await events.next(2) == ["begin", "give back"])
        // The second time is to come, and is the first one after this use.
        returns.begin()
        #expect(try await events.next(3) == ["give back", "give back", "end"])
    }

    @Test func aUseWhileMemoryIsGivenBackHasAllTimesToCome() async throws {
        let trimmer = Locked<HeapTrimmer?>(nil)
        let isFirst = Locked(true)
        let returns = HeapTrimmer(
            after: [.milliseconds(1), .milliseconds(1)], by: Deadlines(),
            HeapTrimmer.Actions(
                begin: { [events] in events.add("begin") },
                giveBack: { [events] in
                    events.add("give back")
                    let isNow = isFirst.withLock { first in
                        defer { first = false }
                        return first
                    }
                    if isNow { trimmer.withLock { $0 }?.begin() }
                },
                end: { [events] in events.add("end") }))
        trimmer.withLock { $0 = returns }
        returns.begin()
        #expect(try await events.next(5) == ["begin", "give back", "give back", "give back", "end"])
    }
}
