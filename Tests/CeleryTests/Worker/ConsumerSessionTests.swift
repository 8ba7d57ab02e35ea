import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import TestSupport
import Testing

@testable import Celery

@Suite(.timeLimit(.minutes(1))) struct ConsumerSessionTests {
    /// Receives when the test says so; a call lasts until it is cancelled.
    private final class ScriptedConsumer: Consumer {
        struct Call: Sendable {
            let room: @Sendable () -> Int
            let deliver: @Sendable ([Delivery]) -> Void
        }

        let calls = Notes<Call>()
        let extras = Notes<Int>()
        private let extra = Locked(0)

        /// How many messages beyond the prefetch count may come.
        var extraPrefetch: Int { extra.withLock { $0 } }

        func receive(
            room: @escaping @Sendable () -> Int, _ deliver: @escaping @Sendable ([Delivery]) -> Void
        ) async throws {
            calls.add(Call(room: room, deliver: deliver))
            try await Gate().pass()
        }

        func adjustPrefetch(extra: Int) {
            self.extra.withLock { $0 = extra }
            extras.add(extra)
        }

        func roomHasGrown() {}
        func holds(_ tag: DeliveryTag) -> Bool { true }
        func settle(_ tag: DeliveryTag, _ settlement: Settlement) {}
        func flush() async {}
        func park(_ tag: DeliveryTag, until eta: Date, isUrgent: Bool) -> Bool { false }
        func stop() async {}
        func close() async {}
    }

    private let consumer = ScriptedConsumer()
    private let deadlines = Deadlines()
    private let givenBack = Notes<Int>()
    private let session: ConsumerSession

    init() {
        session = ConsumerSession(consumer, prefetch: 4, concurrency: 1, deadlines: deadlines) { [givenBack] _, count in
            givenBack.add(count)
        }
    }

    /// Runs `body` while the session receives, with the one call that there is for all of it.
    private func receiving(_ body: (ScriptedConsumer.Call) async throws -> Void) async throws {
        let receiving = Task { [session] in try await session.receive { _ in } }
        try await body(try await consumer.calls.next())
        receiving.cancel()
        await #expect(throws: CancellationError.self) { try await receiving.value }
        #expect(deadlines.count == 0)
    }

    private func deliveries(_ count: Int) -> [Delivery] {
        (0..<count).map {
            Delivery(tag: DeliveryTag(UInt64($0)), queue: "q", message: .success(Message(body: [])), raw: [])
        }
    }

    private func settle(_ count: Int) {
        for tag in 0..<count {
            session.finish(DeliveryTag(UInt64(tag)), .acknowledge)
        }
    }

    /// Has batches come that are worked off at once, until more is read ahead.
    private func widen(_ call: ScriptedConsumer.Call) {
        while consumer.extraPrefetch == 0 {
            let room = call.room()
            call.deliver(deliveries(room))
            settle(room)
            _ = call.room()
        }
    }

    @Test func theRoomIsWhatIsNotHeldUnlessItIsNotWorthTheWay() async throws {
        let session = ConsumerSession(consumer, prefetch: 8, concurrency: 2, deadlines: deadlines) { _, _ in }
        let receiving = Task { try await session.receive { _ in } }
        let call = try await consumer.calls.next()
        #expect(call.room() == 8)
        call.deliver(deliveries(2))
        #expect(call.room() == 6)
        call.deliver(deliveries(4))
        #expect(call.room() == 0)
        session.finish(DeliveryTag(0), .acknowledge)
        #expect(call.room() == 3)
        receiving.cancel()
        await #expect(throws: CancellationError.self) { try await receiving.value }
    }

    @Test func aSingleTaskThatRunsTakesNoMessageFromTheRoom() async throws {
        try await receiving { call async throws in
            call.deliver(deliveries(4))
            #expect(call.room() == 0)
            let task = ReceivedTask(
                queue: "q", message: Message(body: []), request: TaskRequest(task: "t", id: "1"),
                handler: TaskHandler(named: "t") { _, _, _ in .null })
            #expect(session.acknowledgeEarly(DeliveryTag(0), task))
            #expect(call.room() == 1)
        }
    }

    @Test func singleMessagesSetNoDeadline() async throws {
        try await receiving { call async throws in
            for _ in 0..<10 {
                #expect(call.room() == 4)
                call.deliver(deliveries(1))
                settle(1)
                #expect(deadlines.count == 0)
            }
        }
    }

    @Test func readingAheadEndsWhenNothingComesThoughTheCallLasts() async throws {
        try await receiving { call async throws in
            widen(call)
            #expect(try await consumer.extras.next() > 0)
            call.deliver(deliveries(1))
            settle(1)
            while try await consumer.extras.next() > 0 {}
            #expect(deadlines.count == 0)
            #expect(call.room() == 4)
        }
    }

    @Test func whatWasReadAheadAndIsNotWorkedOffGoesBackThoughTheCallLasts() async throws {
        try await receiving { call async throws in
            widen(call)
            call.deliver(deliveries(7))
            #expect(try await givenBack.next() == 3)
        }
    }

    @Test func theEndLeavesNoDeadline() async throws {
        try await receiving { call async throws in
            widen(call)
            call.deliver(deliveries(1))
        }
    }
}
