import Testing

@testable import CeleryRedis

@Suite struct ClaimTests {
    @Test(arguments: [false, true]) func listsAreServedByPriorityFirst(isTakingTurns: Bool) {
        let claim = ClaimSource(["a", "b"], keys: KombuKeys(), consumer: "t", script: "digest")
            .claim(
                upTo: 5, score: 1.5, firstNumber: 100, firstQueue: 1, isTakingTurns: isTakingTurns,
                isWatching: isTakingTurns)
        let lists = ["b", "a"] + [3, 6, 9].flatMap { step in ["b", "a"].map { "\($0)\u{6}\u{16}\(step)" } }
        var expected = RedisPipeline()
        let arguments =
            [
                "EVALSHA", "digest", "12", "unacked", "unacked_index", "unacked_swift_idle:a,b",
                "unacked_swift_turn:a,b",
            ] + lists + ["5", "1.5", "t:", "100", isTakingTurns ? "t" : "", "unacked_swift_turn/"]
            + (0..<4).flatMap { _ in [#", "", "b"]"#, #", "", "a"]"#] }
        // Read in an order of its own: tracked is the key.
        let read = [0, 3, 6, 9].flatMap { step in
            ["a", "b"].map { step == 0 ? $0 : "\($0)\u{6}\u{16}\(step)" }
        }
        let watching = isTakingTurns ? [["CLIENT", "CACHING", "YES"], ["EXISTS"] + read] : []
        for command in [arguments] + watching {
            expected.begin(command.count)
            for argument in command { expected.add(argument) }
        }
        #expect(claim.pipeline.count == (isTakingTurns ? 3 : 1))
        #expect(
            String(decoding: claim.pipeline.bytes, as: UTF8.self) == String(decoding: expected.bytes, as: UTF8.self))
        #expect((0..<8).map(claim.queue(ofList:)) == ["b", "a", "b", "a", "b", "a", "b", "a"])
    }

    @Test func stepsAndSeparatorOfTheSendersAreServed() {
        let claim = ClaimSource(
            ["a"], keys: KombuKeys(prioritySteps: [0, 1, 5], separator: ":"), consumer: "t", script: "digest"
        ).claim(
            upTo: 5, score: 1.5, firstNumber: 100, firstQueue: 0, isTakingTurns: true, isWatching: true)
        var expected = RedisPipeline()
        expected.begin(4)
        for argument in ["EXISTS", "a", "a:1", "a:5"] { expected.add(argument) }
        #expect(claim.pipeline.bytes.suffix(expected.bytes.count) == expected.bytes[...])
        #expect((0..<4).map(claim.queue(ofList:)) == ["a", "a", "a", nil])
    }

    @Test(arguments: [-1, 8, Int.max, Int.min])
    func aListThatWasNotAskedForHasNoQueue(position: Int) {
        let claim = ClaimSource(["a", "b"], keys: KombuKeys(), consumer: "t", script: "digest")
            .claim(
                upTo: 5, score: 1.5, firstNumber: 100, firstQueue: 1, isTakingTurns: false, isWatching: false)
        #expect(claim.queue(ofList: position) == nil)
    }

    @Test func withoutQueuesNothingIsClaimed() {
        let claim = ClaimSource([], keys: KombuKeys(), consumer: "t", script: "digest")
            .claim(
                upTo: 5, score: 1.5, firstNumber: 100, firstQueue: 0, isTakingTurns: false, isWatching: false)
        #expect(claim.queue(ofList: 0) == nil)
    }
}
