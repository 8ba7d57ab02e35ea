import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct DeliveryAssemblerTests {
    private typealias Frames = ServerFrames

    private func message(_ event: ServerEvent?) throws -> Message {
        guard case .delivery(let delivery) = event else {
            throw WireError(reason: "no delivery but \(String(describing: event))")
        }
        return try delivery.message.get()
    }

    @Test func aDeliveryIsPutTogetherFromItsFrames() throws {
        let bytes =
            Frames.deliver(7, consumer: "c", redelivered: true, exchange: "ex", key: "a.b")
            + Frames.header(size: 5) + Frames.body(Array("hel".utf8)) + Frames.body(Array("lo".utf8))
        let expected = Message(
            contentType: nil,
            contentEncoding: nil,
            properties: MessageProperties(
                deliveryMode: nil,
                exchange: "ex",
                routingKey: "a.b",
                isRedelivered: true
            ),
            body: Array("hello".utf8)
        )
        let delivery = IncomingDelivery(
            consumerTag: "c",
            tag: 7,
            message: .success(expected),
            body: Array("hello".utf8)
        )
        #expect(try Frames.events(bytes) == [.delivery(delivery)])
        #expect(try Frames.events(bytes, piece: 1) == [.delivery(delivery)])
    }

    @Test func anEmptyBodyHasNoBodyFrame() throws {
        let events = try Frames.events(Frames.delivery(1, "") + Frames.delivery(2, "b"))
        #expect(try events.map { try message($0).body } == [[], [0x62]])
    }

    @Test func whatWeWriteIsWhatIsRead() throws {
        var sent = Message(
            contentType: "application/json",
            contentEncoding: "utf-8",
            headers: ["task": "t", "retries": 3],
            properties: MessageProperties(
                correlationID: "c",
                replyTo: "r",
                deliveryMode: 1,
                priority: 9,
                expiration: .milliseconds(1000),
                other: ["message_id": "m", "timestamp": 1_600_000_000, "type": "t", "app_id": "a"]
            ),
            body: Array(repeating: 0xCE, count: 300)
        )
        var writer = WireWriter()
        try writer.publish(sent, exchange: "", routingKey: "q", channel: 1, frameMax: 108)
        // The publish's own frame is replaced by the delivery's; header and body are the same in both directions.
        let method = 7 + Int(writer.bytes[6]) + 1
        let events = try Frames.events(Frames.deliver(1) + writer.bytes[method...])
        sent.properties.exchange = ""
        sent.properties.routingKey = "q"
        #expect(try events.map { try message($0) } == [sent])
    }

    @Test func unreadablePropertiesAreTheMessagesFaultOnly() throws {
        let broken: [UInt8] = [0x20, 0, 0, 0, 0, 3, 1, 0x61, 0x7A]
        let bytes =
            Frames.deliver(1) + Frames.header(size: 1, properties: broken) + Frames.body([9]) + Frames.delivery(2)
        let events = try Frames.events(bytes)
        guard case .delivery(let first) = events.first, case .failure(let error) = first.message else {
            Issue.record("the first message was read: \(events)")
            return
        }
        #expect(error.code == .undecodable)
        #expect(first.tag == 1)
        #expect(first.body == [9])
        #expect(try message(events.last).body == Array("x".utf8))
    }

    @Test func confirmationsAndNoticesAreRead() throws {
        let bytes =
            Frames.confirm(3) + Frames.confirm(9, multiple: true) + Frames.confirm(10, isPositive: false)
            + Frames.method(.connectionBlocked, channel: 0) { $0.bytes += Frames.text("low on memory") }
            + Frames.method(.connectionUnblocked, channel: 0)
            + Frames.method(.basicCancel) { $0.bytes += Frames.text("c") + [1] }
            + Frames.method(.channelFlow) { $0.octet(0) }
            + Frames.method(.queueDeclareOK, channel: 2) {
                $0.bytes += Frames.text("q") + Array(repeating: 0, count: 8)
            }
            + Frames.frame(8, channel: 0, [])
            + Frames.close(.channelClose, channel: 1, code: 406, "no", over: .queueDeclare)
            + Frames.close(.connectionClose, channel: 0, code: 320, "shutdown", over: nil)
        #expect(
            try Frames.events(bytes) == [
                .confirmation(tag: 3, multiple: false, isPositive: true),
                .confirmation(tag: 9, multiple: true, isPositive: true),
                .confirmation(tag: 10, multiple: false, isPositive: false),
                .blocked(reason: "low on memory"), .unblocked, .consumerCancelled(tag: "c"),
                .flow(isActive: false, channel: 1), .reply(.queueDeclareOK, channel: 2), .heartbeat,
                .channelClosed(ServerFault(code: 406, text: "no", method: .queueDeclare), channel: 1),
                .connectionClosed(ServerFault(code: 320, text: "shutdown", method: nil)),
            ]
        )
    }

    @Test func aReturnedMessageIsNoDelivery() throws {
        let returned = Frames.method(.basicReturn) { writer in
            writer.integer(UInt16(312))
            writer.bytes += Frames.text("NO_ROUTE") + Frames.text("") + Frames.text("q")
        }
        let events = try Frames.events(returned + Frames.header(size: 1) + Frames.body([1]) + Frames.confirm(1))
        #expect(
            events == [
                .returned(
                    ReturnedMessage(
                        fault: ServerFault(code: 312, text: "NO_ROUTE", method: .basicPublish),
                        exchange: "",
                        routingKey: "q",
                        correlationID: nil,
                        body: [1]
                    )
                ),
                .confirmation(tag: 1, multiple: false, isPositive: true),
            ]
        )
    }

    @Test func aMessageThatWasBegunEndsWithItsChannel() throws {
        let bytes =
            Frames.deliver(1) + Frames.header(size: 10)
            + Frames.close(.channelClose, channel: 1, code: 404, "gone", over: nil) + Frames.delivery(1)
        #expect(try Frames.events(bytes).count == 2)
    }

    @Test(arguments: [
        Frames.header(size: 1), Frames.body([1]), Frames.deliver(1) + Frames.deliver(2),
        Frames.deliver(1) + Frames.body([1]), Frames.deliver(1) + Frames.header(size: 1) + Frames.body([1, 2]),
        Frames.deliver(1) + Frames.header(size: 2) + Frames.deliver(2), Frames.frame(4, []), Frames.frame(1, []),
        Frames.frame(1, [0, 60, 0, 60]), Frames.frame(1, [9, 9, 9, 9]), Frames.method(.basicPublish),
        Frames.deliver(1) + Frames.confirm(1),
    ])
    func framesOutOfOrderAreErrors(bytes: [UInt8]) {
        #expect(throws: WireError.self) { try Frames.events(bytes) }
    }

    @Test func brokenFramesNeverTrap() throws {
        let whole =
            Frames.deliver(1)
            + Frames.header(size: 5, properties: [0xFF, 0xFC, 1, 0x61, 1, 0x62, 0, 0, 0, 3, 1, 0x61, 0x56, 2, 9, 0, 0])
            + Frames.body(Array("hello".utf8)) + Frames.confirm(3)
        var failures = 0
        for index in whole.indices {
            for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
                var bytes = whole
                bytes[index] = value
                do { _ = try Frames.events(bytes) } catch { failures += 1 }
            }
        }
        #expect(failures > 0)
    }

    @Test func aBodysSizeIsNotBelieved() throws {
        let events = try Frames.events(Frames.deliver(1) + Frames.header(size: .max) + Frames.body([1]))
        #expect(events.isEmpty)
    }
}
