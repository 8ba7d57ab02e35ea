import CeleryProtocol
import Testing

@testable import CeleryTransport

@Suite struct RepliesTests {
    private let replies = Replies(limit: 10)

    private func result(_ id: String, _ state: TaskState = .success) -> TaskResult {
        TaskResult(id: id, state: state, result: 1)
    }

    @Test func forWhomThereIsAHandleAllIsKept() {
        for number in 0..<1000 {
            replies.addInterest(in: "\(number)")
            #expect(replies.keep(result("\(number)"), id: "\(number)") == 0)
        }
        #expect(replies.count == 1000)
        #expect(replies["0"] != nil)
    }

    @Test func ofTheRestTheOldestAreForgotten() {
        var forgotten = 0
        for number in 0..<25 { forgotten += replies.keep(result("\(number)"), id: "\(number)") }
        #expect(forgotten == 15)
        #expect(replies["14"] == nil)
        #expect(replies["15"] != nil)
        #expect(replies.count == 10)
    }

    @Test func whatAHandleHasLetGoOfCountsAsTheRest() {
        for number in 0..<20 {
            replies.addInterest(in: "\(number)")
            _ = replies.keep(result("\(number)"), id: "\(number)")
        }
        let forgotten = (0..<20).reduce(0) { $0 + replies.endInterest(in: "\($1)") }
        #expect(forgotten == 10)
        #expect(replies.count == 10)
        #expect(replies["19"] != nil)
    }

    @Test func severalHandlesOnOneTaskCountByThemselves() {
        for _ in 0..<2 { replies.addInterest(in: "a") }
        _ = replies.keep(result("a"), id: "a")
        #expect(replies.endInterest(in: "a") == 0)
        for number in 0..<20 { _ = replies.keep(result("\(number)"), id: "\(number)") }
        #expect(replies["a"] != nil)
        #expect(replies.endInterest(in: "a") == 1)
        _ = replies.keep(result("last"), id: "last")
        for number in 20..<40 { _ = replies.keep(result("\(number)"), id: "\(number)") }
        #expect(replies["a"] == nil)
    }

    @Test func aHandleThatComesLateKeepsWhatIsThere() {
        _ = replies.keep(result("a"), id: "a")
        replies.addInterest(in: "a")
        for number in 0..<20 { _ = replies.keep(result("\(number)"), id: "\(number)") }
        #expect(replies["a"] != nil)
        replies.remove("a")
        #expect(replies["a"] == nil)
        #expect(replies.count == 10)
    }

    @Test func whatComesAgainIsNotOlderThanWhatIsKnown() {
        _ = replies.keep(result("a"), id: "a")
        _ = replies.keep(result("a", .started), id: "a")
        #expect(replies["a"]?.state == .success)
    }

    /// Whatever the order, the counts are right and the memory is bounded.
    @Test func randomOrdersKeepWhatHasAHandleAndABoundedRest() {
        var interests: [String: Int] = [:]
        var arrived: Set<String> = []
        for _ in 0..<5000 {
            let id = "\(Int.random(in: 0..<50))"
            switch Int.random(in: 0..<4) {
            case 0:
                replies.addInterest(in: id)
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
            for id in arrived where interests[id, default: 0] > 0 { #expect(replies[id] != nil) }
            #expect(replies.count <= 10 + interests.values.count { $0 > 0 })
        }
    }
}
