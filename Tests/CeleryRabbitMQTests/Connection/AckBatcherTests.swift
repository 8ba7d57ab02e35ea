import Testing

@testable import CeleryRabbitMQ

@Suite struct AckBatcherTests {
    private typealias Ack = AckBatcher.Acknowledgement

    private func batcher(holding count: UInt64) -> AckBatcher {
        var batcher = AckBatcher()
        for tag in 0..<count { #expect(batcher.deliver(tag + 1) == true) }
        return batcher
    }

    @Test func aRunFromTheOldestIsOneAcknowledgement() {
        var batcher = batcher(holding: 5)
        for tag: UInt64 in [2, 1, 3] { batcher.acknowledge(tag) }
        #expect(batcher.takeAcknowledgements() == [Ack(tag: 3, multiple: true)])
        #expect(batcher.takeAcknowledgements() == [])
        #expect(batcher.heldCount == 2)
    }

    @Test func oneMessageIsAcknowledgedByItself() {
        var batcher = batcher(holding: 2)
        batcher.acknowledge(1)
        #expect(batcher.takeAcknowledgements() == [Ack(tag: 1, multiple: false)])
        batcher.acknowledge(2)
        #expect(batcher.takeAcknowledgements() == [Ack(tag: 2, multiple: false)])
    }

    @Test func aMessageBehindOneThatIsHeldIsNeverPartOfARun() {
        var batcher = batcher(holding: 6)
        for tag: UInt64 in [1, 2, 4, 6] { batcher.acknowledge(tag) }
        #expect(
            batcher.takeAcknowledgements() == [
                Ack(tag: 2, multiple: true), Ack(tag: 4, multiple: false), Ack(tag: 6, multiple: false),
            ]
        )
        batcher.acknowledge(3)
        // 4 is known already, so 3 goes alone; a run may only end with a message the server still waits for.
        #expect(batcher.takeAcknowledgements() == [Ack(tag: 3, multiple: false)])
        batcher.acknowledge(5)
        #expect(batcher.takeAcknowledgements() == [Ack(tag: 5, multiple: false)])
        #expect(batcher.heldCount == 0)
    }

    @Test func aRejectedMessageDoesNotBreakARunButNeverEndsIt() {
        var batcher = batcher(holding: 4)
        batcher.acknowledge(1)
        #expect(batcher.reject(2) == true)
        batcher.acknowledge(3)
        #expect(batcher.reject(4) == true)
        #expect(batcher.takeAcknowledgements() == [Ack(tag: 3, multiple: true)])
        #expect(batcher.heldCount == 0)
    }

    @Test func settlingTwiceOrWhatIsUnknownDoesNothing() {
        var batcher = batcher(holding: 2)
        batcher.acknowledge(1)
        batcher.acknowledge(1)
        #expect(batcher.reject(1) == false)
        batcher.acknowledge(0)
        batcher.acknowledge(3)
        batcher.acknowledge(.max)
        #expect(batcher.reject(.max) == false)
        #expect(batcher.takeAcknowledgements() == [Ack(tag: 1, multiple: false)])
        batcher.acknowledge(1)
        #expect(batcher.takeAcknowledgements() == [])
        #expect(batcher.heldCount == 1)
    }

    @Test func tagsMustFollowEachOther() {
        var batcher = batcher(holding: 1)
        #expect(batcher.deliver(1) == false)
        #expect(batcher.deliver(3) == false)
        #expect(batcher.deliver(.max) == false)
        #expect(batcher.deliver(2) == true)
    }

    /// Whatever the order, the server ends up with exactly the right messages acknowledged.
    @Test func randomOrdersSettleEveryMessageOnce() {
        for _ in 0..<200 {
            var batcher = AckBatcher()
            var outstanding: Set<UInt64> = []
            var acknowledged: Set<UInt64> = []
            var expected: Set<UInt64> = []
            var held: [UInt64] = []
            var next: UInt64 = 1
            for _ in 0..<200 {
                switch Int.random(in: 0..<10) {
                case 0..<4:
                    #expect(batcher.deliver(next) == true)
                    outstanding.insert(next)
                    held.append(next)
                    next += 1
                case 4..<8 where !held.isEmpty:
                    let tag = held.remove(at: .random(in: held.indices))
                    batcher.acknowledge(tag)
                    expected.insert(tag)
                case 8 where !held.isEmpty:
                    let tag = held.remove(at: .random(in: held.indices))
                    #expect(batcher.reject(tag) == true)
                    outstanding.remove(tag)
                default:
                    for ack in batcher.takeAcknowledgements() {
                        #expect(outstanding.contains(ack.tag), "the server would close the channel")
                        let covered = ack.multiple ? outstanding.filter { $0 <= ack.tag } : [ack.tag]
                        outstanding.subtract(covered)
                        acknowledged.formUnion(covered)
                    }
                    #expect(acknowledged == expected)
                }
            }
        }
    }
}
