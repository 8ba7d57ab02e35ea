import CeleryProtocol
import CeleryTransport
import Logging
import Testing

@testable import CeleryRabbitMQ

@Suite struct PublisherMachineTests {
    private let now = ContinuousClock.now
    private let suspects = SuspectMessages()
    private let tooLarge = ServerFault(
        code: 406, text: "PRECONDITION_FAILED - message size 12 is larger than configured max size 10",
        method: .basicPublish)
    private let notReadable = ServerFault(code: 541, text: "INTERNAL_ERROR", method: nil)

    /// A machine whose channel is open.
    private func machine() throws -> Publisher {
        let machine = Publisher(PublisherMachine(suspects: suspects, confirmTimeout: .seconds(30)))
        _ = machine.value.open(DeadStream.link(), token: 0, now: now)
        #expect(try machine.takeWritten().map(\.id) == [.channelOpen, .confirmSelect])
        #expect(machine.openChannel(now: now).successes == [0])
        return machine
    }

    /// A machine that has sent `known`, so that messages of this size are known to go through.
    private func machine(taking known: String) throws -> Publisher {
        let machine = try self.machine()
        #expect(machine.publish(known, token: 1000, now: now).isEmpty)
        #expect(machine.confirm(1, now: now).successes == [1000])
        _ = try machine.takePublished()
        return machine
    }

    /// Whoever's queue is deleted gets each message back.
    @Test func messagesThatComeBackAreFewLinesAndEachIsCounted() throws {
        let machine = try self.machine()
        var lines: [Logger.Metadata] = []
        for number in 0..<3000 {
            let returned = ReturnedMessage(
                fault: ServerFault(code: 312, text: "NO_ROUTE", method: nil), exchange: "",
                routingKey: number == 500 ? "other" : "gone", correlationID: nil, body: [])
            lines += machine.receive([.returned(returned)], now: now + .milliseconds(10 * number)).lines
        }
        lines += machine.end(TransportError(.closed, "the producer was closed")).lines
        #expect(lines.count <= 6)
        #expect(lines.first == ["count": "1", "reason": "NO_ROUTE", "routing_key": "gone"])
        #expect(lines.contains { $0["routing_key"] == "other" })
        #expect(lines.compactMap { $0["count"].flatMap { Int("\($0)") } }.reduce(0, +) == 3000)
    }

    @Test func messagesOfAKnownSizeGoTogether() throws {
        let machine = try self.machine(taking: "12345")
        for token: UInt64 in 1...5 { #expect(machine.publish("\(token)", token: token, now: now).isEmpty) }
        #expect(try machine.takePublished() == ["1", "2", "3", "4", "5"])
        #expect(machine.confirm(6, multiple: true, now: now).successes == [1, 2, 3, 4, 5])
    }

    @Test func oneThatIsLargerThanAllBeforeIsAloneUnderWay() throws {
        let machine = try self.machine(taking: "12345")
        for (token, body) in ["a", "b", "123456", "c", "d"].enumerated() {
            #expect(machine.publish(body, token: UInt64(token), now: now).isEmpty)
        }
        #expect(try machine.takePublished() == ["a", "b"])
        _ = machine.confirm(2, now: now)
        #expect(machine.advance(to: now).isEmpty)
        #expect(try machine.takePublished() == [], "one of those before is still under way")
        _ = machine.confirm(3, now: now)
        _ = machine.advance(to: now)
        #expect(try machine.takePublished() == ["123456"])
        #expect(machine.confirm(4, now: now).successes == [2])
        _ = machine.advance(to: now)
        #expect(try machine.takePublished() == ["c", "d"])
    }

    @Test func aMessageThatIsTooLargeFailsAloneAndNothingIsSentTwice() throws {
        let machine = try self.machine(taking: "12345")
        for (token, body) in ["a", "123456789012", "b", "c"].enumerated() {
            #expect(machine.publish(body, token: UInt64(token), now: now).isEmpty)
        }
        #expect(try machine.takePublished() == ["a"])
        #expect(machine.confirm(2, now: now).successes == [0])
        _ = machine.advance(to: now)
        #expect(try machine.takePublished() == ["123456789012"])
        let refused = machine.receive([.channelClosed(tooLarge, channel: 1)], now: now)
        #expect(refused.completions.map(\.token) == [1])
        #expect(refused.failures(.rejected) == [1])
        #expect(try machine.takeWritten().map(\.id) == [.channelCloseOK, .channelOpen, .confirmSelect])
        _ = machine.openChannel(now: now)
        _ = machine.advance(to: now)
        #expect(try machine.takePublished() == ["b", "c"])
        #expect(machine.confirm(2, multiple: true, now: now).successes == [2, 3])
    }

    @Test func whatIsKnownToBeTooLargeIsNotSent() throws {
        let machine = try self.machine(taking: "12345")
        _ = machine.publish("123456789012", token: 1, now: now)
        _ = machine.receive([.channelClosed(tooLarge, channel: 1)], now: now)
        // One waits for the channel, the other comes when it is open.
        let waiting = machine.publish("12345678901", token: 2, now: now)
        #expect(waiting.failures(.rejected) == [2])
        _ = machine.openChannel(now: now)
        _ = try machine.takeWritten()
        #expect(machine.publish("12345678901", token: 3, now: now).failures(.rejected) == [3])
        // And what is not too large need not be alone any more.
        for token: UInt64 in 4...6 { _ = machine.publish("1234567890", token: token, now: now) }
        #expect(try machine.takePublished().count == 3)
    }

    @Test func aNewExchangeIsTriedAlone() throws {
        let machine = try self.machine(taking: "12345")
        _ = machine.publish("a", token: 1, now: now)
        _ = machine.publish("b", to: "nowhere", token: 2, now: now)
        _ = machine.publish("c", token: 3, now: now)
        #expect(try machine.takePublished() == ["a"])
        _ = machine.confirm(2, now: now)
        _ = machine.advance(to: now)
        #expect(try machine.takePublished() == ["b"])
        let fault = ServerFault(
            code: 404, text: "NOT_FOUND - no exchange 'nowhere' in vhost '/'", method: .basicPublish)
        #expect(machine.receive([.channelClosed(fault, channel: 1)], now: now).failures(.rejected) == [2])
        _ = machine.openChannel(now: now)
        _ = machine.advance(to: now)
        _ = try machine.takePublished()
        #expect(machine.confirm(1, now: now).successes == [3])
    }

    @Test func whatTheServerHasNotLookedAtIsSentAgain() throws {
        let machine = try self.machine(taking: "1234567890123")
        for (token, body) in ["a", "123456789012", "b", "c"].enumerated() {
            _ = machine.publish(body, token: UInt64(token), now: now)
        }
        #expect(try machine.takePublished().count == 4, "larger ones were taken before the limit was changed")
        let refused = machine.receive([.channelClosed(tooLarge, channel: 1)], now: now)
        #expect(refused.failures(.rejected) == [1])
        #expect(refused.failures(.connectionLost) == [0], "it may have arrived")
        _ = machine.openChannel(now: now)
        _ = machine.advance(to: now)
        #expect(try machine.takePublished() == ["b", "c"])
    }

    @Test func theOneThatTheConnectionIsClosedOverIsFound() throws {
        let first = try self.machine(taking: "12345")
        for (token, body) in ["a", "bad", "c"].enumerated() {
            _ = first.publish(body, token: UInt64(token), id: body, now: now)
        }
        #expect(try first.takePublished().count == 3)
        let lost = first.receive([.connectionClosed(notReadable)], now: now)
        #expect(lost.failures(.connectionLost) == [0, 1, 2])
        #expect(lost.hasEnded)

        let second = try self.machine(taking: "12345")
        for (token, body) in ["a", "bad", "c"].enumerated() {
            _ = second.publish(body, token: UInt64(token), id: body, now: now)
        }
        #expect(try second.takePublished() == ["a"], "each is alone this time")
        #expect(second.confirm(2, now: now).successes == [0])
        _ = second.advance(to: now)
        #expect(try second.takePublished() == ["bad"])
        let found = second.receive([.connectionClosed(notReadable)], now: now)
        #expect(found.failures(.rejected) == [1], "it must not be sent for ever")
        #expect(found.failures(.connectionLost) == [2])
        #expect(suspects.isEmpty == false)

        let third = try self.machine(taking: "12345")
        _ = third.publish("c", token: 2, id: "c", now: now)
        #expect(third.confirm(2, now: now).successes == [2])
        #expect(suspects.isEmpty)
    }

    @Test func closingIsBoundedWhateverTheServerDoes() throws {
        for isBlocked in [false, true] {
            let machine = try self.machine(taking: "12345")
            if isBlocked { _ = machine.receive([.blocked(reason: "memory")], now: now) }
            _ = machine.publish("a", token: 1, now: now)
            #expect(machine.close(token: 2, now: now).isEmpty)
            let deadline = try #require(machine.deadline)
            #expect(deadline <= now + .seconds(10))
            let ended = machine.advance(to: deadline)
            #expect(ended.hasEnded)
            #expect(ended.completions.map(\.token).sorted() == [1, 2])
            #expect(machine.publish("b", token: 3, now: now).failures(.closed) == [3])
        }
    }

    /// It reads nothing meanwhile, so that neither a confirmation nor an answer can come.
    @Test func aServerThatBlocksMayTakeItsTime() throws {
        let machine = try self.machine(taking: "12345")
        _ = machine.publish("a", token: 1, now: now)
        _ = machine.receive([.blocked(reason: "memory")], now: now)
        _ = machine.value.publish(Message("b"), to: Destination(queue: "d"), token: 2, now: now)
        #expect(machine.deadline == nil)
        let later = now + .seconds(3600)
        #expect(machine.advance(to: later).isEmpty)
        _ = machine.receive([.unblocked], now: later)
        #expect(machine.deadline == later + .seconds(30))
        #expect(machine.confirm(2, now: later).successes == [1])
        #expect(machine.deadline == later + .seconds(30))
        let answers: [MethodID] = [.channelOpenOK, .exchangeDeclareOK, .queueDeclareOK, .queueBindOK]
        _ = machine.receive(
            answers.map { .reply($0, channel: QueueDeclarations.channel) }, now: later + .seconds(29))
        #expect(machine.deadline == later + .seconds(59))
        #expect(try machine.takePublished() == ["a", "b"])
        #expect(machine.confirm(3, now: later).successes == [2])
    }

    @Test func aQueueThatIsThereWithOtherArgumentsIsSentToAsItIs() throws {
        let machine = try self.machine()
        let destination = Destination(queue: "q")
        _ = machine.value.publish(Message("a"), to: destination, token: 1, now: now)
        _ = try machine.takeWritten()
        let fault = ServerFault(code: 406, text: "PRECONDITION_FAILED - it differs", method: .queueDeclare)
        let channel = QueueDeclarations.channel
        let refused = machine.receive(
            [.reply(.channelOpenOK, channel: channel), .reply(.exchangeDeclareOK, channel: channel)]
                + [.channelClosed(fault, channel: channel)], now: now)
        #expect(refused.isEmpty)
        #expect(
            try machine.takeWritten().map(\.id)
                == [
                    .queueBind, .channelCloseOK, .channelOpen, .exchangeDeclare, .queueDeclare, .queueBind,
                ].suffix(5))
        let answers: [MethodID] = [.channelOpenOK, .exchangeDeclareOK, .queueDeclareOK, .queueBindOK]
        let actions = machine.receive(answers.map { .reply($0, channel: channel) }, now: now)
        #expect(actions.lines == [["queue": "q", "reason": "PRECONDITION_FAILED - it differs"]])
        #expect(try machine.takePublished() == ["a"])
        #expect(machine.confirm(1, now: now).successes == [1])
    }

    @Test func aGoodbyeWithoutAnAnswerIsBounded() throws {
        let machine = try self.machine(taking: "12345")
        #expect(machine.close(token: 2, now: now).isEmpty)
        #expect(try machine.takeWritten().map(\.id) == [.connectionClose])
        let deadline = try #require(machine.deadline)
        #expect(deadline <= now + .seconds(2))
        #expect(machine.advance(to: deadline).completions.map(\.token) == [2])
    }

    @Test func whoeverIsCancelledWhileTheServerBlocksIsNotSent() throws {
        let machine = try self.machine(taking: "12345")
        _ = machine.receive([.blocked(reason: "memory")], now: now)
        _ = machine.publish("a", token: 1, now: now)
        _ = machine.publish("b", token: 2, now: now)
        machine.cancel(1)
        #expect(try machine.takePublished() == [])
        _ = machine.receive([.unblocked], now: now)
        _ = machine.advance(to: now)
        #expect(try machine.takePublished() == ["b"])
    }

    @Test(arguments: [
        ("PRECONDITION_FAILED - message size 12000 is larger than configured max size 10000", 12000, 10000),
        ("PRECONDITION_FAILED - message size 134217729 is larger than max size 134217728", 134_217_729, 134_217_728),
    ])
    func theLimitIsReadFromTheRefusal(text: String, refused: Int, limit: Int) {
        let sizes = ServerFault(code: 406, text: text, method: nil).messageSizes
        #expect(sizes?.refused == refused)
        #expect(sizes?.limit == limit)
    }

    @Test(arguments: [
        "PRECONDITION_FAILED - invalid expiration", "PRECONDITION_FAILED - message size is larger than max size",
        "PRECONDITION_FAILED - message size 5 is larger than max size 10",
    ])
    func otherRefusalsNameNoLimit(text: String) {
        #expect(ServerFault(code: 406, text: text, method: nil).messageSizes == nil)
    }
}

private typealias Publisher = Machine<PublisherMachine>

extension Machine<PublisherMachine> {
    fileprivate func openChannel(now: ContinuousClock.Instant) -> [ConnectionAction] {
        receive(
            [
                .reply(.channelOpenOK, channel: PublisherMachine.publishChannel),
                .reply(.confirmSelectOK, channel: PublisherMachine.publishChannel),
            ], now: now)
    }

    fileprivate func publish(
        _ body: String, to exchange: String = "", token: UInt64, id: String? = nil, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        var message = Message(body)
        message.properties.correlationID = id
        return value.publish(
            message, to: Destination(exchange: exchange, routingKey: "q"), token: token, now: now)
    }

    fileprivate func confirm(
        _ tag: UInt64, multiple: Bool = false, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        receive([.confirmation(tag: tag, multiple: multiple, isPositive: true)], now: now)
    }

    fileprivate func close(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        value.close(token: token, now: now)
    }
}
