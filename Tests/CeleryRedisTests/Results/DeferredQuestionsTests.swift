import CeleryIO
import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct DeferredQuestionsTests {
    private let hub = UpdateHub()
    private let log = Log()
    private let questions: DeferredQuestions
    private let watcher = ResultWatcher { _ in }

    init() {
        questions = DeferredQuestions(for: hub) { [log] id, answer in
            log.ids.withLock { $0.append(id) }
            answer(nil)
        }
        _ = hub.add(watcher, id: "a") {}
    }

    private final class Log: Sendable {
        let ids = Locked<[String]>([])
    }

    private var asked: [String] { log.ids.withLock { $0 } }

    /// Has the time of all questions come.
    private func turn() {
        _ = questions.commands(at: .now + .seconds(60), isWriting: false)
    }

    @Test func aTaskThatIsNotNewIsAskedForAtOnce() {
        questions.subscribed("a")
        #expect(asked == ["a"])
        #expect(questions.nextDeadline == nil)
    }

    @Test func aNewTaskIsAskedForLater() throws {
        questions.begin("a")
        questions.subscribed("a")
        #expect(asked.isEmpty)
        let due = try #require(questions.nextDeadline)
        _ = questions.commands(at: due - .milliseconds(1), isWriting: false)
        #expect(asked.isEmpty)
        _ = questions.commands(at: due, isWriting: false)
        #expect(asked == ["a"])
        #expect(questions.nextDeadline == nil)
    }

    @Test func aResultThatIsAnnouncedIsNotAskedFor() {
        questions.begin("a")
        questions.subscribed("a")
        questions.end("a")
        #expect(questions.nextDeadline == nil)
        turn()
        #expect(asked.isEmpty)
    }

    @Test func onlyTheOthersAreAskedFor() {
        for id in ["b", "c", "d"] { _ = hub.add(watcher, id: id) {} }
        for id in ["a", "b", "c", "d"] {
            questions.begin(id)
            questions.subscribed(id)
        }
        for id in ["c", "a", "b"] { questions.end(id) }
        #expect(questions.nextDeadline != nil)
        turn()
        #expect(asked == ["d"])
        #expect(questions.nextDeadline == nil)
    }

    @Test func nobodyAsksForWhatNobodyWaitsFor() {
        questions.begin("a")
        watcher.end()
        questions.subscribed("a")
        #expect(questions.nextDeadline == nil)
        turn()
        #expect(asked.isEmpty)
    }

    @Test func aLostConnectionTakesItsQuestionsWithIt() {
        questions.begin("a")
        questions.clear()
        questions.subscribed("a")
        #expect(asked == ["a"])
    }
}
