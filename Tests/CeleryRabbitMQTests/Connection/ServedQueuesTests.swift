import Testing

@testable import CeleryRabbitMQ

@Suite struct ServedQueuesTests {
    @Test func ofConsumersThatWereEndedOneIsKnownForEachQueue() throws {
        var served = ServedQueues(name: "celery", count: 2)
        var now = ContinuousClock.now
        var tag = served.beginAll(now: now)[0]
        let other = served.beginAll(now: now)[1]
        tag = try #require(served.tags.first { $0 != other })
        for _ in 0..<1000 {
            #expect(served.end(tag, now: now)?.queue == 0)
            // What was on its way when it ended is still known.
            #expect(served[tag]?.queue == 0)
            now += .seconds(100)
            #expect(served.takeDue(at: now) == [0])
            tag = served.beginAgain(0, now: now)
        }
        #expect(served.formerTags.count <= 2)
        #expect(served[other]?.queue == 1)
        #expect(served.tags.count == 2)
    }
}
