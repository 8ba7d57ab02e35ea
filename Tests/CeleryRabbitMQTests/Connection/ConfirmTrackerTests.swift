import Testing

@testable import CeleryRabbitMQ

@Suite struct ConfirmTrackerTests {
    private func tracker(_ tokens: String...) -> ConfirmTracker<String> {
        var tracker = ConfirmTracker<String>()
        for token in tokens { tracker.append(token) }
        return tracker
    }

    @Test func oneConfirmationIsForOnePublish() {
        var tracker = tracker("a", "b", "c")
        #expect(tracker.resolve(2, multiple: false) == ["b"])
        #expect(tracker.resolve(2, multiple: false) == [])
        #expect(tracker.resolve(1, multiple: false) == ["a"])
        #expect(tracker.resolve(3, multiple: false) == ["c"])
        #expect(tracker.count == 0)
    }

    @Test func multipleConfirmsAllUpToTheNumber() {
        var tracker = tracker("a", "b", "c", "d")
        #expect(tracker.resolve(2, multiple: false) == ["b"])
        #expect(tracker.resolve(3, multiple: true) == ["a", "c"])
        #expect(tracker.count == 1)
        tracker.append("e")
        #expect(tracker.resolve(5, multiple: true) == ["d", "e"])
    }

    @Test func numbersThatDoNotWaitAreIgnored() {
        var tracker = tracker("a")
        for tag: UInt64 in [0, 2, .max] {
            #expect(tracker.resolve(tag, multiple: false) == [])
            #expect(tracker.resolve(tag, multiple: true) == [])
        }
        #expect(tracker.resolve(1, multiple: true) == ["a"])
    }

    @Test func aNewChannelCountsFromOne() {
        var tracker = tracker("a", "b", "c")
        #expect(tracker.resolve(2, multiple: false) == ["b"])
        #expect(tracker.removeAll() == ["a", "c"])
        tracker.append("d")
        #expect(tracker.resolve(1, multiple: false) == ["d"])
    }

    @Test func thoseThatWaitAreFoundInTheOrderTheyWereWritten() {
        var tracker = tracker("a1", "b1", "a2", "b2")
        #expect(tracker.oldest == "a1")
        #expect(tracker.first { $0.hasPrefix("b") } == "b1")
        #expect(tracker.first { $0.hasPrefix("c") } == nil)
        #expect(tracker.resolve(2, multiple: true) == ["a1", "b1"])
        #expect(tracker.oldest == "a2")
        #expect(tracker.first { $0.hasPrefix("b") } == "b2")
        #expect(tracker.resolve(4, multiple: true) == ["a2", "b2"])
        #expect(tracker.oldest == nil)
    }
}
