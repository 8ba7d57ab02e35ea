import CeleryProtocol
import CeleryTransport
import Logging
import Testing

@testable import CeleryRabbitMQ

@Suite struct ConsumerMachineTests {
    private let now = ContinuousClock.now
    private let acknowledged = AcknowledgedMessages()

    /// A machine that consumes the queue `q`.
    private func machine(isAutoAcknowledging: Bool = false, deletesQueues: Bool = false) throws -> Machine<
        ConsumerMachine
    > {
        let configuration = ConsumerConfiguration(
            queues: ["q"], prefetch: 10, isAutoAcknowledging: isAutoAcknowledging, deletesQueues: deletesQueues,
            name: "test")
        let machine = Machine(ConsumerMachine(configuration, acknowledged: acknowledged))
        #expect(machine.open(DeadStream.link(), isLimitGlobal: true, token: 0, now: now).isEmpty)
        #expect(
            try machine.takeWritten().map(\.id) == [
                .channelOpen, .basicQos, .channelOpen, .exchangeDeclare, .queueDeclare, .queueBind,
            ])
        _ = machine.receive(declared(opening: true), now: now)
        #expect(try machine.takeWritten().map(\.id) == [.basicConsume])
        #expect(machine.receive(replies([.channelOpenOK, .basicQosOK, .basicConsumeOK]), now: now).successes == [0])
        return machine
    }

    private func replies(_ methods: [MethodID], channel: UInt16 = 1) -> [ServerEvent] {
        methods.map { .reply($0, channel: channel) }
    }

    /// The server has agreed to the declaration of a queue.
    private func declared(opening: Bool = false) -> [ServerEvent] {
        let answers: [MethodID] = [.exchangeDeclareOK, .queueDeclareOK, .queueBindOK]
        return replies((opening ? [.channelOpenOK] : []) + answers, channel: QueueDeclarations.channel)
    }

    private func delivery(_ tag: UInt64, _ id: String? = nil, isRedelivered: Bool = false) -> ServerEvent {
        var message = Message("body")
        message.properties.correlationID = id ?? "id-\(tag)"
        message.properties.isRedelivered = isRedelivered
        return .delivery(IncomingDelivery(consumerTag: "test-1", tag: tag, message: .success(message), body: []))
    }

    private func acks(_ machine: Machine<ConsumerMachine>) throws -> [UInt64] {
        try machine.takeWritten().filter { $0.id == .basicAck }.compactMap(\.tag)
    }

    @Test func oneAcknowledgementIsWrittenAtOnce() throws {
        let machine = try self.machine()
        #expect(machine.receive([delivery(1)], now: now).deliveries.count == 1)
        #expect(machine.settle(1, .acknowledge, now: now).isEmpty)
        #expect(try acks(machine) == [1])
    }

    @Test func whileMessagesStreamInAcknowledgementsGatherForAMoment() throws {
        let machine = try self.machine()
        _ = machine.receive((1...10).map { delivery($0) }, now: now)
        #expect(!machine.isReading)
        _ = machine.settle(1, .acknowledge, now: now)
        _ = machine.settle(2, .acknowledge, now: now)
        #expect(try acks(machine) == [])
        let due = try #require(machine.deadline)
        #expect(due <= now + .milliseconds(1))
        _ = machine.advance(to: due)
        #expect(try acks(machine) == [2], "one for both")
        #expect(machine.isReading)
        for tag: UInt64 in 3...7 { _ = machine.settle(tag, .acknowledge, now: now) }
        #expect(try acks(machine) == [7], "half of them are enough")
    }

    @Test(arguments: [Settlement.requeue, .giveBack, .discard, .deadLetter(reason: "unreadable")])
    func whatIsNoAcknowledgementTakesAllWithItAtOnce(settlement: Settlement) throws {
        let machine = try self.machine()
        _ = machine.receive((1...10).map { delivery($0) }, now: now)
        _ = machine.settle(1, .acknowledge, now: now)
        _ = machine.settle(2, settlement, now: now)
        #expect(try machine.takeWritten().map(\.id) == [.basicReject, .basicAck])
    }

    @Test func whatWasAcknowledgedBeforeTheConnectionWasLostIsNotDeliveredAgain() throws {
        let first = try self.machine()
        _ = first.receive([delivery(1), delivery(2), delivery(3)], now: now)
        _ = first.settle(1, .acknowledge, now: now)
        _ = first.settle(3, .requeue, now: now)
        #expect(first.end(TransportError(.connectionLost, "gone")).hasEnded)
        #expect(!first.holds(2, now: now))

        let second = try self.machine()
        let again = second.receive(
            [
                delivery(1, "id-1", isRedelivered: true), delivery(2, "id-2", isRedelivered: true),
                delivery(3, "id-3", isRedelivered: true),
            ], now: now)
        #expect(again.deliveries.map(\.tag.value) == [2, 3])
        #expect(try acks(second) == [1])
        #expect(second.receive([delivery(4, "id-1")], now: now).deliveries.count == 1, "sent anew, with the same id")
        #expect(acknowledged.count == 0)
    }

    @Test func whatIsAcknowledgedAfterTheConnectionWasLostIsNotRunAgain() throws {
        let first = try self.machine()
        _ = first.receive([delivery(1), delivery(2)], now: now)
        _ = first.end(TransportError(.connectionLost, "gone"))
        let second = try self.machine()
        let again = second.receive(
            [delivery(1, "id-1", isRedelivered: true), delivery(2, "id-2", isRedelivered: true)], now: now)
        #expect(again.deliveries.count == 2, "both may still be running")
        // One of them ends while its second delivery waits for a slot.
        _ = first.settle(1, .acknowledge, now: now)
        #expect(try first.takeWritten().isEmpty)
        #expect(!second.holds(1, now: now))
        #expect(second.holds(2, now: now))
        #expect(try acks(second) == [1])
    }

    @Test func theNextTryOfATaskIsAnotherMessage() throws {
        let first = try self.machine()
        _ = first.receive([delivery(1)], now: now)
        _ = first.settle(1, .acknowledge, now: now)
        _ = first.end(TransportError(.connectionLost, "gone"))
        let second = try self.machine()
        var retry = Message("body")
        retry.headers["retries"] = 1
        retry.properties.correlationID = "id-1"
        retry.properties.isRedelivered = true
        let event = ServerEvent.delivery(
            IncomingDelivery(consumerTag: "test-1", tag: 1, message: .success(retry), body: []))
        #expect(second.receive([event], now: now).deliveries.count == 1)
    }

    @Test func repliesAreAcknowledgedWhenTheyHaveArrived() throws {
        let machine = try self.machine(isAutoAcknowledging: true)
        #expect(machine.receive([delivery(1), delivery(2)], now: now).deliveries.count == 2)
        #expect(try acks(machine) == [])
        _ = machine.advance(to: try #require(machine.deadline))
        #expect(try acks(machine) == [2])
        _ = machine.receive((3...300).map { delivery($0) }, now: now)
        #expect(try acks(machine) == [300])
        // Those that come again do no harm, and states of one task look alike.
        _ = machine.end(TransportError(.connectionLost, "gone"))
        #expect(acknowledged.count == 0)
    }

    @Test func aQueueOfItsOwnIsDeletedAtTheEnd() throws {
        let machine = try self.machine(isAutoAcknowledging: true, deletesQueues: true)
        _ = machine.receive([delivery(1)], now: now)
        #expect(machine.close(token: 1, now: now).isEmpty)
        #expect(try machine.takeWritten().map(\.id) == [.basicAck, .queueDelete, .connectionClose])
    }

    @Test func closingIsBoundedWhateverTheServerDoes() throws {
        let machine = try self.machine()
        #expect(machine.close(token: 1, now: now).isEmpty)
        let deadline = try #require(machine.deadline)
        #expect(deadline <= now + .seconds(5))
        let ended = machine.advance(to: deadline)
        #expect(ended.hasEnded)
        #expect(ended.completions.map(\.token) == [1])
    }

    @Test func waitingForAnAnswerIsBounded() throws {
        let machine = try self.machine()
        #expect(machine.flush(token: 1, now: now).isEmpty)
        let ended = machine.advance(to: try #require(machine.deadline))
        #expect(ended.hasEnded)
        #expect(ended.completions.map(\.token) == [1])
    }

    @Test(arguments: [
        (540, "NOT_IMPLEMENTED - queue type", TransportError.Code.refused), (541, "INTERNAL_ERROR", .unavailable),
        (404, "NOT_FOUND - home node 'b' of durable queue 'q' in vhost '/' is down or inaccessible", .unavailable),
    ])
    func whatIsRefusedWhileOpeningNamesItsQueue(code: UInt16, text: String, expected: TransportError.Code) throws {
        let machine = Machine(
            ConsumerMachine(
                ConsumerConfiguration(queues: ["a", "q"], prefetch: 0, name: "test"), acknowledged: acknowledged))
        _ = machine.open(DeadStream.link(), isLimitGlobal: false, token: 1, now: now)
        let fault = ServerFault(code: code, text: text, method: .queueDeclare)
        let actions = machine.receive(declared(opening: true) + [.channelClosed(fault, channel: 2)], now: now)
        #expect(actions.failures(expected) == [1])
        guard case .ended(let error)? = actions.first(where: { if case .ended = $0 { true } else { false } }) else {
            Issue.record("it has not ended")
            return
        }
        #expect(error.message.contains("the queue q cannot be used as configured"))
        #expect(error.isPassing(afterSuccess: true))
    }

    private let differs = ServerFault(
        code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'x-max-priority' for queue 'q'", method: .queueDeclare)

    @Test func aQueueThatIsThereWithOtherArgumentsIsConsumedAsItIs() throws {
        let machine = Machine(
            ConsumerMachine(
                ConsumerConfiguration(queues: ["a", "q"], prefetch: 0, name: "test"), acknowledged: acknowledged))
        _ = machine.open(DeadStream.link(), isLimitGlobal: false, token: 1, now: now)
        let answers = replies([.exchangeDeclareOK], channel: 2) + [.channelClosed(differs, channel: 2)]
        #expect(machine.receive(declared(opening: true) + answers, now: now).isEmpty)
        _ = try machine.takeWritten()
        let lines = machine.receive(declared(opening: true), now: now).lines
        #expect(lines == [["queue": "q", "reason": "\(differs.text)"]])
        #expect(try machine.takeWritten().map(\.id) == [.basicConsume, .basicConsume])
        let opened = machine.receive(replies([.channelOpenOK, .basicConsumeOK, .basicConsumeOK]), now: now)
        #expect(opened.successes == [1])
    }

    // MARK: Consumers that the server ends

    /// A machine that consumes the queues `q` and `r`.
    private func machineOfTwo(isLimitGlobal: Bool = true) throws -> Machine<ConsumerMachine> {
        let configuration = ConsumerConfiguration(queues: ["q", "r"], prefetch: 10, name: "test")
        let machine = Machine(ConsumerMachine(configuration, acknowledged: acknowledged))
        _ = machine.open(DeadStream.link(), isLimitGlobal: isLimitGlobal, token: 0, now: now)
        _ = machine.receive(declared(opening: true) + declared(), now: now)
        let answers = replies([.channelOpenOK, .basicQosOK, .basicConsumeOK, .basicConsumeOK])
        #expect(machine.receive(answers, now: now).successes == [0])
        _ = try machine.takeWritten()
        return machine
    }

    private func delivery(_ tag: UInt64, by consumer: String) -> ServerEvent {
        var message = Message("body")
        message.properties.correlationID = "id-\(tag)"
        return .delivery(IncomingDelivery(consumerTag: consumer, tag: tag, message: .success(message), body: []))
    }

    @Test(arguments: [true, false])
    func aQueueThatIsDeletedIsConsumedAnewAndTheOthersGoOn(isLimitGlobal: Bool) throws {
        let machine = try machineOfTwo(isLimitGlobal: isLimitGlobal)
        _ = machine.receive([delivery(1, by: "test-1"), delivery(2, by: "test-2")], now: now)
        let actions = machine.receive([.consumerCancelled(tag: "test-1")], now: now)
        #expect(!actions.hasEnded)
        #expect(actions.lines == [["queue": "q", "count": "1"]])
        #expect(!machine.holds(1, now: now), "others may get it")
        #expect(machine.holds(2, now: now))
        let rejected = try machine.takeWritten()
        #expect(rejected.map(\.id) == [.basicReject])
        #expect(rejected.first?.tag == 1)
        // What is told of it later concerns nobody.
        _ = machine.settle(1, .acknowledge, now: now)
        _ = machine.settle(2, .acknowledge, now: now)
        #expect(try acks(machine) == [2])

        let due = try #require(machine.deadline)
        #expect(due > now && due <= now + .milliseconds(100))
        _ = machine.advance(to: due)
        #expect(try machine.takeWritten().map(\.id) == [.exchangeDeclare, .queueDeclare, .queueBind])
        _ = machine.receive(declared(), now: due)
        #expect(try machine.takeWritten().map(\.id) == [.basicConsume])
        _ = machine.receive(replies([.basicConsumeOK]), now: due)
        let deliveries = machine.receive([delivery(3, by: "test-1-2"), delivery(4, by: "test-2")], now: due).deliveries
        #expect(deliveries.map(\.queue) == ["q", "r"])
        #expect(machine.holds(3, now: due))
    }

    @Test func aQueueThatIsMadeAnewWithOtherArgumentsIsConsumedAndTheOthersGoOn() throws {
        let machine = try machineOfTwo()
        _ = machine.receive([delivery(1, by: "test-2"), .consumerCancelled(tag: "test-1")], now: now)
        let due = try #require(machine.deadline)
        _ = machine.advance(to: due)
        let refusal = replies([.exchangeDeclareOK], channel: 2) + [.channelClosed(differs, channel: 2)]
        #expect(machine.receive(refusal, now: due).isEmpty)
        _ = try machine.takeWritten()
        #expect(machine.receive(declared(opening: true), now: due).lines.map { $0["queue"] } == ["q"])
        #expect(try machine.takeWritten().map(\.id) == [.basicConsume])
        _ = machine.receive(replies([.basicConsumeOK]), now: due)
        #expect(machine.receive([delivery(2, by: "test-1-2")], now: due).deliveries.map(\.queue) == ["q"])
        #expect(machine.holds(1, now: due))
    }

    @Test func aQueueThatIsGoneAndMayNotBeDeclaredIsTriedAgainAndTheOthersGoOn() throws {
        let machine = try machineOfTwo()
        _ = machine.receive([delivery(1, by: "test-2"), .consumerCancelled(tag: "test-1")], now: now)
        var due = try #require(machine.deadline)
        let refused = ServerFault(code: 403, text: "ACCESS_REFUSED", method: .queueDeclare)
        let missing = ServerFault(code: 404, text: "NOT_FOUND - no queue 'q'", method: .queueDeclare)
        for isFirst in [true, false] {
            _ = machine.advance(to: due)
            _ = try machine.takeWritten()
            let opening: [MethodID] = isFirst ? [] : [.channelOpenOK]
            _ = machine.receive(
                replies(opening + [.exchangeDeclareOK], channel: 2) + [.channelClosed(refused, channel: 2)], now: due)
            let answers = replies([.channelOpenOK, .exchangeDeclareOK], channel: 2)
            let lines = machine.receive(answers + [.channelClosed(missing, channel: 2)], now: due).lines
            #expect(lines.map { $0["queue"] } == (isFirst ? ["q"] : []))
            #expect(machine.holds(1, now: due))
            let next = try #require(machine.deadline)
            #expect(next > due)
            due = next
        }
        _ = machine.advance(to: due)
        _ = machine.receive(declared(opening: true), now: due)
        #expect(try machine.takeWritten().map(\.id).last == .basicConsume)
        _ = machine.receive(replies([.basicConsumeOK]), now: due)
        #expect(machine.receive([delivery(2, by: "test-1-2")], now: due).deliveries.map(\.queue) == ["q"])
    }

    @Test func aQueueThatIsDeletedAgainAndAgainIsConsumedMoreAndMoreRarely() throws {
        let machine = try machineOfTwo()
        var time = now
        var lines = 0
        var tag = "test-1"
        for round in 2...21 {
            lines += machine.receive([.consumerCancelled(tag: tag)], now: time).lines.count
            time = try #require(machine.deadline)
            _ = machine.advance(to: time)
            _ = machine.receive(declared() + replies([.basicConsumeOK]), now: time)
            tag = "test-1-\(round)"
        }
        #expect(time - now > .seconds(60))
        #expect(lines <= 7)
        // One that has lasted is consumed anew soon.
        time += .seconds(11)
        _ = machine.receive([.consumerCancelled(tag: tag)], now: time)
        #expect(try #require(machine.deadline) <= time + .milliseconds(100))
    }

    @Test func anAcknowledgementThatTheQueueMayNotHaveHeardIsRemembered() throws {
        let machine = try machineOfTwo()
        _ = machine.receive([delivery(1, by: "test-1")], now: now)
        _ = machine.settle(1, .acknowledge, now: now)
        _ = machine.receive([.consumerCancelled(tag: "test-1")], now: now)
        #expect(acknowledged.count == 1)
    }

    @Test func whileItStopsNothingIsConsumedAnew() throws {
        let machine = try machineOfTwo()
        #expect(machine.receive([.consumerCancelled(tag: "test-1")], now: now).lines.count == 1)
        _ = machine.stop(token: 7, now: now)
        #expect(try machine.takeWritten().map(\.id) == [.basicCancel], "only that of the other queue")
        _ = machine.receive([.consumerCancelled(tag: "test-2")], now: now)
        #expect(machine.receive([.reply(.basicCancelOK, channel: 1)], now: now).successes == [7])
        _ = machine.advance(to: now + .seconds(1))
        #expect(try machine.takeWritten().isEmpty)
    }
}

extension Machine<ConsumerMachine> {
    fileprivate func open(
        _ link: AMQPLink, isLimitGlobal: Bool, token: UInt64, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        value.open(link, isLimitGlobal: isLimitGlobal, token: token, now: now)
    }

    fileprivate func settle(
        _ tag: UInt64, _ settlement: Settlement, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        value.settle(tag, settlement, now: now)
    }

    fileprivate func holds(_ tag: UInt64, now: ContinuousClock.Instant) -> Bool { value.holds(tag, now: now) }

    fileprivate func flush(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        value.flush(token: token, now: now)
    }

    fileprivate func close(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        value.close(token: token, now: now)
    }

    fileprivate func stop(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        value.stop(token: token, now: now)
    }
}
