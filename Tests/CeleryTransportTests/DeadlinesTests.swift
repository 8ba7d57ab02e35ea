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

    /// The same for deadlines that are all there before the first of them has come: again with longer waits, when the
    /// machine was so busy that they were not. (`add` is given the time from which to count, and the wait.)
    private func orderOfAll(
        _ count: Int,
        _ add: (Deadlines, ContinuousClock.Instant, Duration, @escaping @Sendable (String) -> Void) -> Void
    ) async -> [String] {
        var wait = Duration.milliseconds(10)
        while true {
            var isInTime = false
            let names = await order(count) { deadlines, note in
                let start = ContinuousClock.now
                add(deadlines, start, wait, note)
                isInTime = .now < start + wait
            }
            if isInTime { return names }
            wait *= 2
        }
    }

    @Test func earlierTimesComeFirstWhateverWasAddedFirst() async {
        let names = await orderOfAll(3) { deadlines, start, wait, note in
            _ = deadlines.add(start + wait * 3) { note("late") }
            _ = deadlines.add(start + wait) { note("early") }
            _ = deadlines.add(start + wait * 2) { note("middle") }
        }
        #expect(names == ["early", "middle", "late"])
        #expect(deadlines.count == 0)
    }

    @Test func whatIsRemovedIsNotCalled() async {
        let names = await orderOfAll(1) { deadlines, start, wait, note in
            let first = deadlines.add(start + wait) { note("removed") }
            _ = deadlines.add(start + wait * 2) { note("kept") }
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
