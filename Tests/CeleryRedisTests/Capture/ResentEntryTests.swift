import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct ResentEntryTests {
    private let raw =
        #"{"headers":{"delivery_tag":"x"},"body":"","properties":{"delivery_tag":"old","n":1.50,"#
        + #""delivery_info":{"exchange":"shop","routing_key":"a.b"}}}"#

    private func entry(_ raw: [UInt8], key: String, queue: String) throws -> ResentEntry {
        var fields: JSONObject = ["queue": "orders", "key": .string(key)]
        fields.setBytes(raw, "raw")
        let message = Result { () throws(MessageError) in try KombuEnvelope.decode(raw) }
        return try ResentEntry(ResentMessage(fields: fields, message: message, queue: queue), KombuKeys())
    }

    @Test func nothingButTheTagOfTheSenderIsNew() throws {
        let entry = try entry(Array(raw.utf8), key: "orders\u{6}\u{16}3", queue: "orders")
        #expect(entry.key == "orders\u{6}\u{16}3")
        let text = String(decoding: entry.envelope, as: UTF8.self)
        let tag = try #require(try JSONValue(json: text).objectValue?["properties"]?.objectValue?["delivery_tag"])
        let new = try #require(tag.stringValue)
        #expect(new != "old" && text == raw.replacing(#""old""#, with: "\"\(new)\""))
    }

    @Test func inAnotherQueueTheMessageNamesThatOne() throws {
        let entry = try entry(Array(raw.utf8), key: "orders\u{6}\u{16}9", queue: "other")
        #expect(entry.key == "other\u{6}\u{16}9")
        let text = String(decoding: entry.envelope, as: UTF8.self)
        #expect(text.contains(#""delivery_info":{"exchange":"","routing_key":"other"}"#) && text.contains("1.50"))
    }

    @Test func whatNobodyCanReadGoesAsItIs() throws {
        for bytes: [UInt8] in [[0xFF, 0], [], Array("7".utf8), Array(#"{"properties": []}"#.utf8)] {
            #expect(try entry(bytes, key: "orders", queue: "orders").envelope == bytes)
        }
    }

    @Test func aMessageOfRabbitMQIsWrittenAnew() throws {
        var message = Message(headers: ["task": "t", "id": "i"], body: [1, 2])
        message.properties.priority = 6
        let resent = ResentMessage(
            fields: ["queue": "orders", "exchange": "", "routing_key": "orders", "body_base64": "AQI="],
            message: .success(message), queue: "orders")
        let entry = try ResentEntry(resent, KombuKeys())
        #expect(entry.key == "orders\u{6}\u{16}6")
        let read = try KombuEnvelope.decode(entry.envelope)
        #expect(read.body == [1, 2] && read.properties.deliveryTag != nil && read.properties.routingKey == "orders")
    }
}
