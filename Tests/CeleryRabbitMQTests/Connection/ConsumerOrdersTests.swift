import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct ConsumerOrdersTests {
    private let orders = ConsumerOrders()

    @Test func aLateAcknowledgementWaitsForAMoment() throws {
        orders.gatherAcknowledgements(upTo: 10)
        #expect(orders.take(by: try #require(orders.due))?.settlements.isEmpty == true)
        #expect(orders.settle(1, .acknowledge))
        #expect(!orders.settle(2, .acknowledge), "the thread knows when to look")
        let due = try #require(orders.due)
        #expect(orders.take(by: due - .nanoseconds(1)) == nil)
        #expect(orders.take(by: due)?.settlements.map(\.tag) == [1, 2])
        #expect(orders.due == nil && orders.take(by: due) == nil)
    }

    @Test func aFullBatchIsDueAtOnce() throws {
        orders.gatherAcknowledgements(upTo: 3)
        #expect(!orders.settle(1, .acknowledge), "the thread looks for it by itself")
        #expect(!orders.settle(2, .acknowledge))
        #expect(orders.settle(3, .acknowledge))
        #expect(orders.take(by: .now)?.settlements.count == 3)
    }

    @Test func withoutOthersToWaitForNothingWaits() {
        orders.gatherAcknowledgements(upTo: 1)
        #expect(orders.due == nil)
        #expect(orders.settle(1, .acknowledge))
        #expect(orders.take(by: .now)?.settlements.count == 1)
    }

    @Test(arguments: [Settlement.requeue, .giveBack, .discard, .deadLetter(reason: "unreadable")])
    func whatIsNoAcknowledgementTakesAllWithItAtOnce(settlement: Settlement) {
        orders.gatherAcknowledgements(upTo: 10)
        #expect(!orders.settle(1, .acknowledge))
        #expect(orders.settle(2, settlement))
        #expect(orders.take(by: .now)?.settlements.map(\.tag) == [1, 2])
    }

    @Test func aChangeOfThePrefetchCountIsTold() {
        orders.gatherAcknowledgements(upTo: 10)
        orders.adjustPrefetch(extra: 5)
        #expect(orders.take(by: .now)?.extraPrefetch == 5)
    }

    @Test func theEndTakesWhatIsNotDueToo() {
        orders.gatherAcknowledgements(upTo: 10)
        #expect(!orders.settle(1, .acknowledge))
        #expect(orders.takeAll().settlements.map(\.tag) == [1])
        #expect(orders.due == nil)
    }
}
