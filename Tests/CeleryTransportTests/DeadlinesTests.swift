import Testing

@testable import CeleryTransport

@Suite struct DeadlinesTests {
    private let deadlines = Deadlines()

    /// The names in the order in which their times came, when so many have come.
    private func order(_ count: Int, _ add: (Deadlines, @escaping @Sendable (String) -> Void) -> Void) async -> [String]
    {
        let (stream, continuation) = AsyncStream<String>.makeStream()
        add(deadlines) { continuation.yield($0) }
        var names: [String] = []
        for await name in stream {
            names.append(name)
            if names.count == count { break }
        }
        return names
    }

    @Test func earlierTimesComeFirstWhateverWasAddedFirst() async {
        let now = ContinuousClock.now
        let names = await order(3) { deadlines, note in
            _ = deadlines.add(now + .milliseconds(40)) { note("late") }
            _ = deadlines.add(now + .milliseconds(5)) { note("early") }
            _ = deadlines.add(now + .milliseconds(20)) { note("middle") }
        }
        #expect(names == ["early", "middle", "late"])
        #expect(deadlines.count == 0)
    }

    @Test func whatIsRemovedIsNotCalled() async {
        let now = ContinuousClock.now
        let names = await order(1) { deadlines, note in
            let first = deadlines.add(now + .milliseconds(5)) { note("removed") }
            _ = deadlines.add(now + .milliseconds(10)) { note("kept") }
            deadlines.remove(first)
        }
        #expect(names == ["kept"])
    }

    @Test func aTimeThatIsOverComesAtOnce() async {
        let names = await order(1) { deadlines, note in
            _ = deadlines.add(.now - .seconds(1)) { note("over") }
        }
        #expect(names == ["over"])
    }

    @Test func aTimeBeyondAllClocksDoesNoHarm() async {
        let names = await order(1) { deadlines, note in
            _ = deadlines.add(.now + .seconds(Int64.max)) { note("never") }
            _ = deadlines.add(.now + .milliseconds(5)) { note("soon") }
        }
        #expect(names == ["soon"])
        #expect(deadlines.count == 1)
    }

    @Test func manyThatAreRemovedLeaveNothingBehind() {
        for _ in 0..<1000 {
            deadlines.remove(deadlines.add(.now + .seconds(60)) {})
        }
        #expect(deadlines.count == 0)
        #expect(deadlines.entries <= 65)
    }
}
