import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct SettlementsTests {
    private let now = ContinuousClock.now
    private let former = AcknowledgedMessages()

    private func settlements() -> Settlements { Settlements(isAutomatic: false, former: former) }

    private func delivery(_ tag: UInt64, isRedelivered: Bool = false) -> IncomingDelivery {
        var message = Message("body")
        message.properties.correlationID = "id-\(tag)"
        message.properties.isRedelivered = isRedelivered
        return IncomingDelivery(consumerTag: "test-1", tag: tag, message: .success(message), body: [])
    }

    /// Has a message acknowledged over a connection that is lost.
    private func lose(_ tag: UInt64, isHeard: Bool) {
        var settlements = settlements()
        _ = settlements.deliver(delivery(tag), consumer: 1)
        settlements.acknowledge(tag, remembering: 10)
        if isHeard { settlements.isHeard() }
        _ = settlements.isUnheard()
    }

    @Test(arguments: [false, true])
    func whatWasAcknowledgedWithoutBeingHeardIsDoneWhenItComesAgain(isHeard: Bool) {
        lose(1, isHeard: isHeard)
        var settlements = settlements()
        let arrival = settlements.deliver(delivery(1, isRedelivered: true), consumer: 1)
        #expect(arrival == (isHeard ? .held : .isDone))
        #expect(settlements.holds(1), "until it is acknowledged again")
    }

    @Test func aMessageThatIsAcknowledgedWhileItIsHeldAgainIsDoneOnce() {
        var settlements = settlements()
        _ = settlements.deliver(delivery(1, isRedelivered: true), consumer: 1)
        var isDone = [settlements.isDone(1)]
        lose(1, isHeard: false)
        for _ in 0..<2 { isDone.append(settlements.isDone(1)) }
        #expect(isDone == [false, true, false])
    }

    @Test func aNumberThatDoesNotFollowTheOneBeforeIsOutOfOrder() {
        var settlements = settlements()
        let arrivals = [1, 3, 1, 2].map { settlements.deliver(delivery($0), consumer: 1) }
        #expect(arrivals == [.held, .isOutOfOrder, .isOutOfOrder, .held])
    }

    @Test func inAStreamAcknowledgementsWaitForHalfOfARead() {
        var settlements = settlements()
        var output = WireWriter()
        for tag: UInt64 in 1...10 { _ = settlements.deliver(delivery(tag), consumer: 1) }
        settlements.hasRead(10, isStreaming: true, now: now)
        for tag: UInt64 in 1...4 {
            settlements.acknowledge(tag, remembering: 0)
            settlements.tell(&output, now: now)
        }
        #expect(output.bytes.isEmpty)
        #expect(settlements.due == now + .milliseconds(1))
        settlements.acknowledge(5, remembering: 0)
        settlements.tell(&output, now: now)
        #expect(!output.bytes.isEmpty)
        #expect(settlements.due == nil)
    }
}
