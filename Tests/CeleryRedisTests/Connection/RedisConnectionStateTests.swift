import CeleryIO
import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct RedisConnectionStateTests {
    /// What callers got.
    final class Answers: Sendable {
        private let all = Locked<[String]>([])
        var texts: [String] { all.withLock { $0 } }

        func command(_ name: String, count: Int = 1) -> PendingCommand {
            var pipeline = RedisPipeline()
            for _ in 0..<count { pipeline.append(name) }
            return PendingCommand(pipeline: pipeline) { [self] result in
                let text =
                    switch result {
                    case .success(let replies): "\(name): \(replies.count)"
                    case .failure(let error): "\(name): \(error.code == .closed ? "closed" : "lost")"
                    }
                all.withLock { $0.append(text) }
            }
        }
    }

    let answers = Answers()
    let start = ContinuousClock.now

    func state(isSubscriber: Bool = false) -> RedisConnectionState {
        var state = RedisConnectionState(
            name: "redis", isSubscriber: isSubscriber, replyTimeout: .seconds(20), checkInterval: .seconds(25))
        state.opened(at: start)
        return state
    }

    func perform(_ effects: RedisConnectionState.Effects) {
        for (completion, result) in effects.completions { completion(result) }
    }

    @Test func whoFindsItIdleWritesAndWhoComesNextWakesTheThreadOnce() throws {
        var state = state()
        let outcome1 = state.submit(answers.command("A"), at: start)
        #expect(outcome1 == .write)
        let output2 = state.takeOutput()
        let (bytes, position) = try #require(output2)
        #expect(position == 0)
        let outcome3 = state.takeOutput()
        #expect(outcome3 == nil)
        let outcome4 = state.submit(answers.command("B"), at: start)
        #expect(outcome4 == .leave)
        let outcome5 = state.wrote(bytes, upTo: bytes.count)
        #expect(outcome5)
        // Written by whoever wrote the first.
        let output6 = state.takeOutput()
        let next = try #require(output6)
        _ = state.wrote(next.bytes, upTo: next.bytes.count)
        // An answer is owed: it is not idle.
        let outcome7 = state.submit(answers.command("C"), at: start)
        #expect(outcome7 == .wake)
        let outcome8 = state.submit(answers.command("D"), at: start)
        #expect(outcome8 == .leave)
    }

    @Test func whatIsWrittenInPartIsNextAgain() throws {
        var state = state()
        _ = state.submit(answers.command("A"), at: start)
        let output9 = state.takeOutput()
        let (bytes, _) = try #require(output9)
        #expect(!state.hasOutput)
        let outcome10 = state.wrote(bytes, upTo: 3)
        #expect(!outcome10)
        #expect(state.hasOutput)
        let output11 = state.takeOutput()
        #expect(try #require(output11).position == 3)
    }

    @Test func repliesGoToTheirCallersInOrder() {
        var state = state()
        _ = state.submit(answers.command("A", count: 2), at: start)
        _ = state.submit(answers.command("B"), at: start)
        perform(state.received([.integer(1)]))
        #expect(answers.texts.isEmpty)
        perform(state.received([.error("ERR no"), .null]))
        #expect(answers.texts == ["A: 2", "B: 1"])
    }

    @Test func aReplyThatNobodyAskedForEndsIt() {
        var state = state()
        let effects = state.received([.integer(1), .integer(2)])
        #expect(effects.loss?.code == .connectionLost)
        #expect(effects.messages.isEmpty)
    }

    @Test func aSubscriberGetsMessagesOnceItHasNoReplyToCome() {
        var state = state(isSubscriber: true)
        _ = state.submit(answers.command("PING"), at: start)
        let effects = state.received([.status("PONG"), .integer(1), .error("NOPERM")])
        #expect(effects.completions.count == 1)
        #expect(effects.messages == [.integer(1), .error("NOPERM")])
    }

    /// That is no loss of a connection, and the message does not say so.
    @Test(arguments: [
        ("READONLY You can't", " A"), ("LOADING Redis is", " A"), ("MASTERDOWN Link", " A"),
        ("ERR max number of clients reached", ""),
    ])
    func aServerThatIsNotReadyRefusesWithItsWords(refusal: String, command: String) {
        var state = state()
        _ = state.submit(answers.command("A"), at: start)
        let effects = state.received([.error(refusal)])
        perform(effects)
        #expect(answers.texts == ["A: lost"])
        #expect(effects.loss?.message.hasSuffix(" refuses\(command): \(refusal)") == true)
        #expect(effects.loss?.underlyingError is RedisConnectionState.Unreadiness)
    }

    @Test func anAnswerThatDoesNotComeInTimeEndsIt() throws {
        var state = state()
        #expect(state.nextDeadline == nil)
        _ = state.submit(answers.command("A"), at: start)
        #expect(state.nextDeadline == start + .seconds(20))
        let outcome12 = state.check(at: start + .seconds(19))
        #expect(outcome12.loss == nil)
        perform(state.check(at: start + .seconds(20)))
        #expect(answers.texts == ["A: lost"])
        #expect(state.nextDeadline == nil)
    }

    @Test func aGoodbyeIsShorter() {
        var state = state()
        _ = state.submit(answers.command("A"), at: start)
        state.sayGoodbye(until: start + .seconds(3))
        let outcome13 = state.check(at: start + .seconds(3))
        #expect(outcome13.loss != nil)
    }

    @Test func aSubscriberIsCheckedByAPing() throws {
        var state = state(isSubscriber: true)
        let outcome14 = state.check(at: start + .seconds(25))
        #expect(outcome14.loss == nil)
        let output15 = state.takeOutput()
        let (bytes, _) = try #require(output15)
        #expect(bytes == RedisPipeline("PING").bytes)
        _ = state.wrote(bytes, upTo: bytes.count)
        _ = state.received([.array([.status("pong"), .bulk([])])])
        let outcome16 = state.check(at: start + .seconds(50))
        #expect(outcome16.loss == nil)
        // This one is not answered.
        let outcome17 = state.check(at: start + .seconds(75))
        #expect(outcome17.loss != nil)
    }

    @Test func afterTheEndNothingChanges() {
        var state = state()
        _ = state.submit(answers.command("A"), at: start)
        perform(state.close())
        #expect(answers.texts == ["A: closed"])
        let outcome18 = state.submit(answers.command("B"), at: start)
        #expect(outcome18 == nil)
        let outcome19 = state.submitUnanswered(RedisPipeline("C"))
        #expect(!outcome19)
        let outcome20 = state.takeOutput()
        #expect(outcome20 == nil)
        let outcome21 = state.lose("gone")
        #expect(outcome21.loss == nil)
        let outcome22 = state.received([.integer(1)])
        #expect(outcome22.loss == nil)
        #expect(state.failure?.code == .closed)
    }

    @Test func aWriteThatFailsEndsItOnce() throws {
        var state = state()
        _ = state.submit(answers.command("A"), at: start)
        _ = state.takeOutput()
        perform(state.writingFailed(IOError(.connectionLost, "broken pipe")))
        #expect(answers.texts == ["A: lost"])
        let outcome23 = state.lose("end of stream")
        #expect(outcome23.completions.isEmpty)
    }
}
