import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct PublishTests {
    private func publish(_ message: Message, exchange: String = "", routingKey: String = "q") throws -> [UInt8] {
        var writer = WireWriter()
        writer.bytes = [1, 2, 3]
        do throws(TransportError) {
            try writer.publish(message, exchange: exchange, routingKey: routingKey, channel: 1, frameMax: 4096)
        } catch {
            #expect(writer.bytes == [1, 2, 3], "what was refused left traces")
            throw error
        }
        return Array(writer.bytes.dropFirst(3))
    }

    @Test func theBytesAreThoseOfPyAMQP() throws {
        let message = Message(
            headers: ["task": "t", "eta": nil],
            properties: MessageProperties(correlationID: "id", deliveryMode: 2, priority: 0),
            body: Array("{}".utf8)
        )
        let expected: [UInt8] =
            [1, 0, 1, 0, 0, 0, 10, 0, 60, 0, 40, 0, 0, 0, 1, 0x71, 0, 0xCE]
            + [2, 0, 1, 0, 0, 0, 62, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xFC, 0]
            + [16] + Array("application/json".utf8) + [5] + Array("utf-8".utf8)
            + [0, 0, 0, 16, 4] + Array("task".utf8) + [0x53, 0, 0, 0, 1, 0x74, 3] + Array("eta".utf8) + [0x56]
            + [2, 0, 2] + Array("id".utf8) + [0xCE]
            + [3, 0, 1, 0, 0, 0, 2, 0x7B, 0x7D, 0xCE]
        #expect(try publish(message) == expected)
    }

    /// The server would close the channel, and other messages would be lost with it.
    @Test(
        arguments: [
            Message(headers: ["CC": "q"], body: []), Message(headers: ["BCC": 1], body: []),
            Message(properties: .init(deliveryMode: 0), body: []),
            Message(properties: .init(deliveryMode: 3), body: []),
            Message(properties: .init(replyTo: "amq.rabbitmq.reply-to"), body: []),
            Message(properties: .init(correlationID: String(repeating: "x", count: 256)), body: []),
            Message(headers: [String(repeating: "x", count: 256): 1], body: []),
            Message(headers: ["timelimit": [.double(.nan), nil]], body: []),
        ])
    func whatRabbitMQClosesForIsRefused(message: Message) {
        let error = #expect(throws: TransportError.self) { try publish(message) }
        #expect(error?.code == .rejected)
    }

    @Test func listsOfFurtherRoutingKeysAreLeftAlone() throws {
        #expect(throws: Never.self) { try publish(Message(headers: ["CC": ["a"], "BCC": []], body: [])) }
    }

    @Test(arguments: [(-1, 0), (0, 0), (9, 9), (255, 255), (256, 255)])
    func prioritiesAreClampedToAByte(given: Int, written: UInt8) throws {
        let message = Message(
            contentType: nil,
            contentEncoding: nil,
            properties: MessageProperties(deliveryMode: nil, priority: given),
            body: []
        )
        #expect(try publish(message).suffix(2) == [written, 0xCE])
    }

    @Test(
        arguments: [.milliseconds(-1), .milliseconds(4_294_967_296), .seconds(Int64.max), .seconds(Int64.min)]
            as [Duration])
    func expirationsThatTheServerWouldNotTakeAreRefused(expiration: Duration) {
        let message = Message(properties: MessageProperties(expiration: expiration), body: [])
        #expect(throws: TransportError.self) { try publish(message) }
    }

    @Test func whatIsTooLongIsRefused() {
        let long = String(repeating: "x", count: 256)
        #expect(throws: TransportError.self) { try publish(Message("x"), exchange: long) }
        #expect(throws: TransportError.self) { try publish(Message("x"), routingKey: long) }
        #expect(throws: TransportError.self) {
            try publish(Message(properties: MessageProperties(correlationID: long), body: []))
        }
        #expect {
            try publish(Message(headers: ["argsrepr": .string(String(repeating: "x", count: 5000))], body: []))
        } throws: {
            "\($0)".contains("4096")
        }
    }
}
