import Testing

@testable import CeleryRedis

@Suite struct ClaimTests {
    @Test func listsAreServedByPriorityFirst() {
        let claim = ClaimSource(["a", "b"], keys: KombuKeys(), tagPrefix: "t:", script: "digest")
            .claim(upTo: 5, score: 1.5, firstNumber: 100, firstQueue: 1)
        let lists = ["b", "a"] + [3, 6, 9].flatMap { step in ["b", "a"].map { "\($0)\u{6}\u{16}\(step)" } }
        var expected = RedisPipeline()
        let arguments =
            ["EVALSHA", "digest", "10", "unacked", "unacked_index"] + lists + ["5", "1.5", "t:", "100"]
            + (0..<4).flatMap { _ in [#", "", "b"]"#, #", "", "a"]"#] }
        for command in [arguments, ["EXISTS"] + lists] {
            expected.begin(command.count)
            for argument in command { expected.add(argument) }
        }
        #expect(claim.pipeline.count == 2)
        #expect(
            String(decoding: claim.pipeline.bytes, as: UTF8.self) == String(decoding: expected.bytes, as: UTF8.self))
        #expect((0..<8).map(claim.queue(ofList:)) == ["b", "a", "b", "a", "b", "a", "b", "a"])
    }

    @Test func stepsAndSeparatorOfTheSendersAreServed() {
        let claim = ClaimSource(
            ["a"], keys: KombuKeys(prioritySteps: [0, 1, 5], separator: ":"), tagPrefix: "t:", script: "digest"
        ).claim(upTo: 5, score: 1.5, firstNumber: 100, firstQueue: 0)
        var expected = RedisPipeline()
        expected.begin(4)
        for argument in ["EXISTS", "a", "a:1", "a:5"] { expected.add(argument) }
        #expect(claim.pipeline.bytes.suffix(expected.bytes.count) == expected.bytes[...])
        #expect((0..<4).map(claim.queue(ofList:)) == ["a", "a", "a", nil])
    }

    @Test(arguments: [-1, 8, Int.max, Int.min])
    func aListThatWasNotAskedForHasNoQueue(position: Int) {
        let claim = ClaimSource(["a", "b"], keys: KombuKeys(), tagPrefix: "t:", script: "digest")
            .claim(upTo: 5, score: 1.5, firstNumber: 100, firstQueue: 1)
        #expect(claim.queue(ofList: position) == nil)
    }

    @Test func withoutQueuesNothingIsClaimed() {
        let claim = ClaimSource([], keys: KombuKeys(), tagPrefix: "t:", script: "digest")
            .claim(upTo: 5, score: 1.5, firstNumber: 100, firstQueue: 0)
        #expect(claim.queue(ofList: 0) == nil)
    }
}
