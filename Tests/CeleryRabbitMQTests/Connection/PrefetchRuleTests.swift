import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct PrefetchRuleTests {
    @Test(arguments: [
        ("3.2.4", false), ("3.3.0", true), ("3.10.8", true), ("3.13.7", true), ("4.0.2", false), ("4.1.0-rc.1", false),
        ("", false), ("3", false), ("x.y", false),
    ])
    func theLimitIsPerChannelWhereTheServerCan(version: String, isGlobal: Bool) {
        #expect(PrefetchRule(serverVersion: version, queues: ["a"]).isGlobal == isGlobal)
        #expect(!PrefetchRule(serverVersion: version, queues: ["a", Queue("b", kind: .quorum)]).isGlobal)
    }

    @Test(arguments: [("quorum", false), ("stream", false), ("classic", true)])
    func aTypeThatStandsAmongTheArgumentsCounts(type: String, isGlobal: Bool) {
        for kind in Queue.Kind.allCases {
            let queue = Queue("b", kind: kind, arguments: ["x-queue-type": .string(type)])
            #expect(PrefetchRule(serverVersion: "3.10.8", queues: ["a", queue]).isGlobal == isGlobal)
        }
    }

    @Test(
        arguments: [
            (0, 0, 0), (0, 5, 0), (4, 0, 4), (4, 3, 7), (4, -9, 4), (65_535, 1, 65_535), (70_000, 0, 65_535),
            (.max, .max, 65_535),
        ] as [(Int, Int, UInt16)]
    )
    func theCountStaysWithinAMQPsRange(prefetch: Int, extra: Int, count: UInt16) {
        #expect(PrefetchRule.count(prefetch, extra: extra) == count)
    }
}
