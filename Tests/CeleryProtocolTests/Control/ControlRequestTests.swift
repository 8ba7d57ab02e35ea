import CeleryProtocol
import Foundation
import Testing

struct ControlRequestTests {
    /// As Celery 5.7.0 has sent it.
    static let captured = #"""
        {"method": "hello", "arguments": {"from_node": "w1@h1", "revoked": []}, "destination": null, "pattern": null, \#
        "matcher": null, "ticket": "ba2cf1f8", "reply_to": {"exchange": "reply.celery.pidbox", "routing_key": "8a30f086"}}
        """#

    private func message(_ body: String, headers: JSONObject = ["clock": 7, "expires": 1795220013.5]) -> Message {
        Message(headers: headers, body: Array(body.utf8))
    }

    @Test func whatCelerySendsIsReadAndWrittenByteForByte() throws {
        let request = try ControlRequest(message(Self.captured))
        #expect(request.method == "hello")
        #expect(request.arguments == ["from_node": "w1@h1", "revoked": []])
        #expect(request.audience == .all)
        #expect(request.ticket == "ba2cf1f8")
        #expect(request.replyTo == .init(exchange: "reply.celery.pidbox", routingKey: "8a30f086"))
        #expect(request.clock == 7)
        let again = request.message(expires: Date(timeIntervalSince1970: 1795220013.5))
        #expect(again.headers == ["clock": 7, "expires": 1795220013.5])
        #expect(String(decoding: again.body, as: UTF8.self) == Self.captured)
    }

    @Test func theMethodAloneIsEnough() throws {
        let request = try ControlRequest(message(#"{"method": "ping"}"#, headers: [:]))
        #expect(request == ControlRequest("ping"))
    }

    @Test(arguments: [
        "", "{", "[]", "5", "{}", #"{"arguments": {}}"#, #"{"method": 5}"#, #"{"method": "ping", "arguments": 5}"#,
        #"{"method": "ping", "destination": 7}"#, #"{"method": "ping", "reply_to": {"x": 1}}"#,
        #"{"method": "ping", "reply_to": {"exchange": "e"}}"#, #"{"method": "ping", "reply_to": 5}"#,
        #"{"method": "ping", "pattern": 5, "matcher": "glob"}"#, #"{"method": "ping", "pattern": "*", "matcher": "x"}"#,
    ])
    func whatIsNoRequestIsRefused(body: String) {
        #expect(throws: MessageError.self) { try ControlRequest(message(body)) }
    }

    @Test func anotherContentTypeIsRefused() {
        let pickled = Message(contentType: "application/x-python-serialize", body: [1])
        let error = #expect(throws: MessageError.self) { try ControlRequest(pickled) }
        #expect(error?.code == .contentTypeRefused)
    }

    @Test func aReplyIsWhatCeleryReads() throws {
        let reply = ControlReply(node: "w1@h1", value: ["ok": "pong"], ticket: "t", clock: 9)
        let message = reply.message
        #expect(String(decoding: message.body, as: UTF8.self) == #"{"w1@h1": {"ok": "pong"}}"#)
        #expect(message.headers == ["ticket": "t", "clock": 9])
        #expect(message.properties.deliveryMode == 1)
        #expect(try ControlReply.replies(of: message) == [reply])
    }
}
