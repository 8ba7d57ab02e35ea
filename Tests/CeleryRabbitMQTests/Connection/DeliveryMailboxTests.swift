import CeleryIO
import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import CeleryRabbitMQ

@Suite(.timeLimit(.minutes(1))) struct DeliveryMailboxTests {
    private let mailbox = DeliveryMailbox()

    private func deliveries(_ tags: ClosedRange<UInt64>) -> [Delivery] {
        tags.map { Delivery(tag: DeliveryTag($0), queue: "q", message: .success(Message("x")), raw: []) }
    }

    private func tags(_ deliveries: [Delivery]) -> [UInt64] { deliveries.map(\.tag.value) }

    @Test func deliveriesComeInOrderAndUpToTheLimit() async throws {
        #expect(mailbox.put(deliveries(1...5)))
        #expect(try await tags(mailbox.receive(upTo: 2)) == [1, 2])
        #expect(try await tags(mailbox.receive(upTo: 10)) == [3, 4, 5])
    }

    @Test func aReceiverWaits() async throws {
        async let received = mailbox.receive(upTo: 2)
        #expect(mailbox.put(deliveries(1...3)))
        #expect(try await tags(received) == [1, 2])
        #expect(try await tags(mailbox.receive(upTo: 1)) == [3])
    }

    /// Whenever cancellation and delivery meet, each message is received once.
    @Test func cancellingLosesNothing() async throws {
        var seen: [UInt64] = []
        for tag: UInt64 in 1...500 {
            let receiving = Task { [mailbox] in try await mailbox.receive(upTo: 10) }
            if tag.isMultiple(of: 3) { await Task.yield() }
            async let put = mailbox.put(deliveries(tag...tag))
            receiving.cancel()
            #expect(await put)
            if case .success(let received) = await receiving.result { seen += tags(received) }
        }
        #expect(mailbox.put(deliveries(501...501)))
        while seen.last != 501 { seen += try await tags(mailbox.receive(upTo: 1000)) }
        #expect(seen == Array(1...501))
    }

    /// A call of ``DeliveryMailbox/receive(room:_:)`` whose task runs when the test says so.
    private final class Call: Sendable {
        let executor = ManualExecutor()
        let room: Locked<Int>
        /// How often it was asked for its room.
        let asked = Locked(0)
        private let tags = Locked<[UInt64]>([])
        private let task = Locked<Task<Void, any Error>?>(nil)

        init(_ mailbox: DeliveryMailbox, room: Int = 10, onDelivery: @escaping @Sendable (Call) -> Void = { _ in }) {
            self.room = Locked(room)
            let task = Task(executorPreference: executor) {
                try await mailbox.receive {
                    // A loop that asks again and again ends, and the test says so.
                    self.asked.withLock {
                        $0 += 1
                        return $0 > 1000
                    } ? .max : self.room.withLock { $0 }
                } _: { deliveries in
                    self.tags.withLock { $0 += deliveries.map(\.tag.value) }
                    self.room.withLock { $0 -= deliveries.count }
                    onDelivery(self)
                }
            }
            self.task.withLock { $0 = task }
            executor.run()
        }

        var received: [UInt64] { tags.withLock { $0 } }

        func cancel() { task.withLock { $0 }?.cancel() }

        /// Lets the task go on, and waits for its end.
        func end() async throws {
            executor.run()
            try await task.withLock { $0 }?.value
        }
    }

    @Test func aReceiverIsNotWokenWhileItHasRoom() async throws {
        #expect(mailbox.put(deliveries(1...2)))
        let call = Call(mailbox)
        #expect(call.received == [1, 2])
        for tag: UInt64 in 3...9 {
            #expect(mailbox.put(deliveries(tag...tag)))
            #expect(call.received.last == tag)
            #expect(call.executor.isIdle)
        }
        // As many as there is room for; the others when there is more, on the thread that says so.
        #expect(mailbox.put(deliveries(10...12)))
        #expect(call.received == Array(1...10))
        #expect(mailbox.put(deliveries(13...13)))
        call.room.withLock { $0 = 2 }
        mailbox.roomHasGrown()
        #expect(call.received == Array(1...12))
        #expect(call.executor.isIdle)
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.end() }
        #expect(try await tags(mailbox.receive(upTo: 10)) == [13])
    }

    @Test func aReceiverWithoutRoomHearsOfTheEnd() async throws {
        #expect(mailbox.put(deliveries(1...1)))
        let call = Call(mailbox, room: 0)
        #expect(mailbox.put(deliveries(2...2)))
        #expect(call.executor.isIdle)
        #expect(tags(mailbox.end(TransportError(.connectionLost, "gone"))) == [1, 2])
        let error = await #expect(throws: TransportError.self) { try await call.end() }
        #expect(error?.code == .connectionLost)
        #expect(call.received.isEmpty)
    }

    /// Replies that were read before the connection was lost.
    @Test func whatIsLeftAtTheEndWaitsForRoom() async throws {
        #expect(mailbox.put(deliveries(1...3)))
        let call = Call(mailbox, room: 1)
        #expect(mailbox.end(TransportError(.connectionLost, "gone"), keepsDeliveries: true).isEmpty)
        call.executor.run()
        // Once more, on the thread that says so, and in vain.
        mailbox.roomHasGrown()
        #expect(call.received == [1])
        #expect(call.asked.withLock { $0 } < 10)
        call.room.withLock { $0 = 1 }
        mailbox.roomHasGrown()
        #expect(call.received == [1, 2])
        call.room.withLock { $0 = 1 }
        mailbox.roomHasGrown()
        #expect(call.received == [1, 2, 3])
        let error = await #expect(throws: TransportError.self) { try await call.end() }
        #expect(error?.code == .connectionLost)
    }

    @Test func roomThatGrowsBeforeTheReceiverWaitsForItIsNotMissed() async throws {
        #expect(mailbox.put(deliveries(1...2)))
        let call = Call(mailbox, room: 1) { [mailbox] call in
            // While it delivers; what it finds afterwards is nothing.
            call.room.withLock { $0 = 0 }
            mailbox.roomHasGrown()
        }
        #expect(call.received == [1])
        call.room.withLock { $0 = 1 }
        mailbox.roomHasGrown()
        #expect(call.received == [1, 2])
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.end() }
    }

    @Test func aReceiverIsCancelledBetweenDeliveries() async throws {
        let call = Call(mailbox)
        #expect(mailbox.put(deliveries(1...1)))
        call.cancel()
        #expect(mailbox.put(deliveries(2...2)))
        await #expect(throws: CancellationError.self) { try await call.end() }
        #expect(call.received == [1])
        #expect(try await tags(mailbox.receive(upTo: 1)) == [2])
    }

    @Test func aReceiverIsCancelledDuringADelivery() async throws {
        let call = Call(mailbox) { $0.cancel() }
        #expect(mailbox.put(deliveries(1...1)))
        #expect(mailbox.put(deliveries(2...2)))
        await #expect(throws: CancellationError.self) { try await call.end() }
        #expect(call.received == [1])
        #expect(try await tags(mailbox.receive(upTo: 1)) == [2])
    }

    @Test func anEndDuringADeliveryIsNotMissed() async throws {
        let call = Call(mailbox) { [mailbox] _ in mailbox.end(TransportError(.connectionLost, "gone")) }
        #expect(mailbox.put(deliveries(1...1)))
        await #expect(throws: TransportError.self) { try await call.end() }
    }

    @Test func onlyOneMayWait() async throws {
        let both = (1...2).map { _ in Task { [mailbox] in try await mailbox.receive(upTo: 1) } }
        // Whichever comes second is refused at once, while the other waits for what is put then.
        try await withThrowingTaskGroup(of: [Delivery]?.self) { group in
            for task in both {
                group.addTask {
                    do {
                        return try await task.value
                    } catch let error as TransportError where error.code == .unsupported {
                        return nil
                    }
                }
            }
            let first = try #require(try await group.next())
            #expect(first.map { $0.count } == nil, "both were let in")
            #expect(mailbox.put(deliveries(1...1)))
            #expect(try await group.next()??.map(\.tag.value) == [1])
        }
    }

    @Test func anEndFailsWhoWaitsAndWhoComesLater() async throws {
        let waiting = Task { [mailbox] in try await mailbox.receive(upTo: 1) }
        await Task.yield()
        #expect(mailbox.end(TransportError(.connectionLost, "gone")).isEmpty)
        let first = await #expect(throws: TransportError.self) { _ = try await waiting.value }
        let second = await #expect(throws: TransportError.self) { _ = try await mailbox.receive(upTo: 1) }
        #expect(first?.message == "gone")
        #expect(second?.message == "gone")
        #expect(!mailbox.put(deliveries(1...1)))
    }

    @Test func anEndReturnsWhatNobodyReceived() async throws {
        #expect(mailbox.put(deliveries(1...3)))
        #expect(try await mailbox.receive(upTo: 1).count == 1)
        #expect(tags(mailbox.end(TransportError(.closed, "stopped"))) == [2, 3])
    }

    @Test func aFullMailboxSaysWhenThereIsRoom() async throws {
        await confirmation { confirm in
            mailbox.whenRoom { confirm() }
            #expect(mailbox.hasRoom(below: 2))
            #expect(mailbox.put(deliveries(1...2)))
            #expect(!mailbox.hasRoom(below: 2))
            _ = try? await mailbox.receive(upTo: 1)
            #expect(mailbox.hasRoom(below: 2))
            _ = try? await mailbox.receive(upTo: 1)
        }
    }
}

extension DeliveryMailbox {
    func receive(upTo limit: Int) async throws -> [Delivery] {
        try await firstDeliveries(upTo: limit) { try await self.receive(room: $0, $1) }
    }
}
