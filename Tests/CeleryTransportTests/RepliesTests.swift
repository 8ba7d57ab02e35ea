import CeleryProtocol
import Testing

@testable import CeleryTransport

@Suite struct RepliesTests {
    private let replies = Replies(limit: 10, abandoned: 10)

    /// The state that is known; `nil` when there is none.
    private func state(of id: String) -> TaskState? {
        if case .result(let result) = replies[id] { result.state } else { nil }
    }

    private func isAwaited(_ id: String) -> Bool {
        if case .awaited = replies[id] { true } else { false }
    }

    private func result(_ id: String, _ state: TaskState = .success) -> TaskResult {
        TaskResult(id: id, state: state, result: 1)
    }

    @Test func forWhomThereIsAHandleAllIsKept() {
        for number in 0..<1000 {
            replies.addInterest(in: "\(number)", isSent: true)
            #expect(replies.keep(result("\(number)"), id: "\(number)") == 0)
        }
        #expect(replies.count == 1000)
        #expect(state(of: "0") != nil)
    }

    @Test func ofTheRestTheOldestAreForgotten() {
        var forgotten = 0
        for number in 0..<25 { forgotten += replies.keep(result("\(number)"), id: "\(number)") }
        #expect(forgotten == 15)
        #expect(state(of: "14") == nil)
        #expect(state(of: "15") != nil)
        #expect(replies.count == 10)
    }

    @Test func whatAHandleHasLetGoOfCountsAsTheRest() {
        for number in 0..<20 {
            replies.addInterest(in: "\(number)", isSent: true)
            _ = replies.keep(result("\(number)"), id: "\(number)")
        }
        let forgotten = (0..<20).reduce(0) { $0 + replies.endInterest(in: "\($1)") }
        #expect(forgotten == 10)
        #expect(replies.count == 10)
        #expect(state(of: "19") != nil)
    }

    @Test func severalHandlesOnOneTaskCountByThemselves() {
        for _ in 0..<2 { replies.addInterest(in: "a", isSent: true) }
        _ = replies.keep(result("a"), id: "a")
        #expect(replies.endInterest(in: "a") == 0)
        for number in 0..<20 { _ = replies.keep(result("\(number)"), id: "\(number)") }
        #expect(state(of: "a") != nil)
        #expect(replies.endInterest(in: "a") == 1)
        _ = replies.keep(result("last"), id: "last")
        for number in 20..<40 { _ = replies.keep(result("\(number)"), id: "\(number)") }
        #expect(state(of: "a") == nil)
    }

    @Test func aHandleThatComesLateKeepsWhatIsThere() {
        _ = replies.keep(result("a"), id: "a")
        replies.addInterest(in: "a", isSent: true)
        for number in 0..<20 { _ = replies.keep(result("\(number)"), id: "\(number)") }
        #expect(state(of: "a") != nil)
        replies.remove("a")
        #expect(state(of: "a") == nil)
        #expect(replies.count == 10)
    }

    @Test func whatComesAgainIsNotOlderThanWhatIsKnown() {
        _ = replies.keep(result("a"), id: "a")
        _ = replies.keep(result("a", .started), id: "a")
        #expect(state(of: "a") == .success)
    }

    @Test func whatWasSentFromHereIsAwaitedUntilItIsHandedOut() {
        #expect(!isAwaited("a"))
        replies.addInterest(in: "a", isSent: true)
        #expect(isAwaited("a"))
        // The id is kept, the handle is not; it is made again later.
        _ = replies.endInterest(in: "a")
        #expect(isAwaited("a"))
        replies.addInterest(in: "a", isSent: false)
        #expect(isAwaited("a"))
        _ = replies.keep(result("a", .started), id: "a")
        #expect(state(of: "a") == .started)
        _ = replies.keep(result("a"), id: "a")
        #expect(state(of: "a") == .success)
        replies.remove("a")
        #expect(!isAwaited("a") && state(of: "a") == nil)
    }

    @Test func aHandleThatIsMadeFromAnIdMakesNothingAwaited() {
        replies.addInterest(in: "of somebody else", isSent: false)
        #expect(!isAwaited("of somebody else"))
        _ = replies.endInterest(in: "of somebody else")
        #expect(!isAwaited("of somebody else"))
        // Sent with an id for which there was a handle already.
        replies.addInterest(in: "of somebody else", isSent: false)
        replies.addInterest(in: "of somebody else", isSent: true)
        #expect(isAwaited("of somebody else"))
    }

    @Test func aTaskWhoseStateWasForgottenIsStillAwaited() {
        replies.addInterest(in: "a", isSent: true)
        _ = replies.keep(result("a", .started), id: "a")
        _ = replies.endInterest(in: "a")
        for number in 0..<20 { _ = replies.keep(result("\(number)"), id: "\(number)") }
        #expect(state(of: "a") == nil && isAwaited("a"))
    }

    @Test func ofTasksWithoutAHandleTheOldestAreForgotten() {
        for number in 0..<1000 {
            replies.addInterest(in: "\(number)", isSent: true)
            _ = replies.endInterest(in: "\(number)")
        }
        #expect((0..<1000).filter { isAwaited("\($0)") } == Array(990..<1000))
        // Those that have ended make room.
        for number in 990..<995 { _ = replies.keep(result("\(number)"), id: "\(number)") }
        for number in 1000..<1005 {
            replies.addInterest(in: "\(number)", isSent: true)
            _ = replies.endInterest(in: "\(number)")
        }
        #expect((0..<2000).filter { isAwaited("\($0)") } == Array(995..<1005))
    }

    /// Whatever the order, the counts are right and the memory is bounded.
    @Test func randomOrdersKeepWhatHasAHandleAndABoundedRest() {
        var interests: [String: Int] = [:]
        var arrived: Set<String> = []
        for _ in 0..<5000 {
            let id = "\(Int.random(in: 0..<50))"
            switch Int.random(in: 0..<4) {
            case 0:
                replies.addInterest(in: id, isSent: true)
                interests[id, default: 0] += 1
            case 1 where interests[id, default: 0] > 0:
                _ = replies.endInterest(in: id)
                interests[id, default: 0] -= 1
                if interests[id] == 0 { arrived.remove(id) }
            case 2:
                replies.remove(id)
                arrived.remove(id)
            default:
                _ = replies.keep(result(id), id: id)
                if interests[id, default: 0] > 0 { arrived.insert(id) }
            }
            for id in arrived where interests[id, default: 0] > 0 { #expect(state(of: id) != nil) }
            #expect(replies.count <= 10 + interests.values.count { $0 > 0 })
        }
    }
}
