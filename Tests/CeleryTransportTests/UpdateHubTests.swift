import CeleryIO
import CeleryProtocol
import Testing

@testable import CeleryTransport

@Suite struct UpdateHubTests {
    private struct Mishap: Error {}

    /// What a watcher gets, and whether the hub was told of the last one's end.
    private final class Log: Sendable {
        private let entries = Locked<[String]>([])
        var all: [String] { entries.withLock { $0 } }
        func add(_ entry: String) { entries.withLock { $0.append(entry) } }
    }

    private let hub = UpdateHub()
    private let log = Log()

    private func watcher(_ name: String) -> ResultWatcher {
        ResultWatcher { [log] update in
            switch update {
            case .success(let result): log.add("\(name) \(result.state)")
            case .failure: log.add("\(name) failed")
            }
        }
    }

    private func add(_ watcher: ResultWatcher, _ id: String) -> Bool {
        hub.add(watcher, id: id) { [log] in log.add("last of \(id)") }
    }

    private func pass(_ state: TaskState, _ id: String) {
        hub.pass(.success(TaskResult(id: id, state: state, result: nil)), id: id)
    }

    @Test func everyWatcherOfATaskIsTold() {
        let (one, two, other) = (watcher("one"), watcher("two"), watcher("other"))
        #expect(add(one, "a"))
        #expect(!add(two, "a"))
        #expect(add(other, "b"))
        pass(.started, "a")
        #expect(log.all.sorted() == ["one STARTED", "two STARTED"])
    }

    @Test func theFailureOfOneTaskIsToldToItsWatchersAndEndsThem() {
        let (one, two, other) = (watcher("one"), watcher("two"), watcher("other"))
        _ = (add(one, "a"), add(two, "a"), add(other, "b"))
        hub.fail(Mishap(), id: "a")
        #expect(log.all.sorted() == ["one failed", "two failed"])
        #expect(!hub.isWaiting(for: "a") && hub.isWaiting(for: "b"))
        #expect(add(watcher("three"), "a"), "the next one is the first again")
        one.end()
        #expect(hub.isWaiting(for: "a"))
    }

    @Test func whoHasEndedIsToldNothing() {
        let (one, two) = (watcher("one"), watcher("two"))
        _ = add(one, "a")
        _ = add(two, "a")
        one.end()
        one.end()
        pass(.started, "a")
        #expect(log.all == ["two STARTED"])
        #expect(hub.isWaiting(for: "a"))
        two.end()
        #expect(log.all == ["two STARTED", "last of a"])
        #expect(!hub.isWaiting(for: "a"))
        #expect(add(watcher("three"), "a"))
    }

    @Test func aWatcherThatHasEndedAlreadyIsNotKept() {
        let one = watcher("one")
        one.end()
        _ = add(one, "a")
        #expect(!hub.isWaiting(for: "a"))
        #expect(log.all == ["last of a"])
    }

    @Test func anErrorForAllForgetsThem() {
        let one = watcher("one")
        _ = add(one, "a")
        hub.fail(Mishap())
        #expect(log.all == ["one failed"])
        #expect(!hub.isWaiting(for: "a"))
        one.end()
        #expect(log.all == ["one failed"])
        #expect(add(watcher("two"), "a"))
    }

    @Test func aWatcherKnowsHowLongAgoItsTaskWasSent() {
        // The first one stays early however long the test takes.
        #expect(ResultWatcher(sent: .now + .seconds(60)) { _ in }.age == .early)
        #expect(ResultWatcher.age(after: .microseconds(299)) == .early)
        #expect(ResultWatcher.age(after: .microseconds(301)) == .recent)
        #expect(ResultWatcher.age(after: .milliseconds(1.9)) == .recent)
        #expect(ResultWatcher(sent: .now - .seconds(1)) { _ in }.age == .other)
        #expect(ResultWatcher { _ in }.age == .other)
    }
}
