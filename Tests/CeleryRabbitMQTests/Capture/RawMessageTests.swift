import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct RawMessageTests {
    /// Every type of a header, in RabbitMQ's letters.
    private static let headers: [UInt8] = [
        "\u{1}aS\0\0\0\u{2}hi", "\u{1}bV", "\u{1}ct\u{1}", "\u{1}dI\0\0\0\u{7}", "\u{1}fs\0\u{7}", "\u{1}gU\0\u{7}",
        "\u{1}hu\0\u{7}", "\u{1}iB\u{7}", "\u{1}jb\u{7}", "\u{1}ki\0\0\0\u{7}", "\u{1}ll\0\0\0\0\0\0\0\u{7}",
        "\u{1}mL\0\0\0\0\0\0\0\u{7}", "\u{1}nT\0\0\0\0\0\0\0\u{7}", "\u{1}oD\u{2}\0\0\0\u{7}",
        "\u{1}px\0\0\0\u{1}\u{7}", "\u{1}qF\0\0\0\u{3}\u{1}aV", "\u{1}rA\0\0\0\u{3}Vt\0",
        "\u{1}sd\0\0\0\0\0\0\0\0", "\u{1}vf\0\0\0\0",
    ].flatMap { $0.unicodeScalars.map { UInt8($0.value) } }

    private func sized(_ bytes: [UInt8]) -> [UInt8] {
        [0, 0, UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
    }

    @Test func everyTypeOfHeaderComesBackByteForByte() throws {
        let nan: [UInt8] = [1, 0x77, 0x64, 0x7F, 0xF8, 0, 0, 0, 0, 0, 1]
        let notText: [UInt8] = [1, 0x78, 0x53, 0, 0, 0, 1, 0xFF]
        let properties =
            [0xFF, 0xFC, 1, 0x6A, 1, 0x75] + sized(Self.headers + nan + notText)
            + [2, 5, 1, 0x63, 1, 0x72, 1, 0x36, 1, 0x6D, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0x74, 1, 0x75, 1, 0x61, 1, 0x63]
        let message = RawMessage(exchange: "", routingKey: "orders", properties: properties, body: [0xFF])
        let fields = message.fields(queue: "orders")
        #expect(fields["content_base64"] == nil && fields["body_base64"] == "/w==")
        #expect(fields["headers"]?.objectValue?["o"] == ["D", [2, 7]])
        #expect(fields["headers"]?.objectValue?["q"] == ["F", ["a": ["V", nil]]])
        #expect(fields["headers"]?.objectValue?["x"] == ["S", ["base64": "/w=="]])
        // Also by way of a file.
        let read = try #require(JSONValue(json: fields.serialized()).objectValue)
        let resent = ResentMessage(fields: read, message: .failure(MessageError(.undecodable, "")), queue: "orders")
        let content = try Resender.content(of: resent)
        #expect(content.properties == properties && content.body == [0xFF])
    }

    @Test func whatItsValuesDoNotSayIsKeptAsBytes() throws {
        // The header `a` stands twice.
        let properties: [UInt8] = [0x20, 0] + sized([1, 0x61, 0x56, 1, 0x61, 0x74, 1])
        let fields = RawMessage(properties: properties, body: []).fields(queue: "orders")
        #expect(fields["content_base64"] != nil && fields["headers"] == ["a": ["t", true]])
        let resent = ResentMessage(fields: fields, message: .failure(MessageError(.undecodable, "")), queue: "orders")
        #expect(try Resender.content(of: resent).properties == properties)
    }

    @Test func theCountOfDeliveriesIsNoPartOfTheMessage() throws {
        let name = Array("x-delivery-count".utf8)
        let properties: [UInt8] = [0x20, 0] + sized([UInt8(name.count)] + name + [0x6C, 0, 0, 0, 0, 0, 0, 0, 3])
        let fields = RawMessage(properties: properties, body: []).fields(queue: "orders")
        #expect(fields["headers"] == [:] && fields["content_base64"] == nil)
    }

    @Test func aHeaderThatDoesNotFitItsTypeIsRefused() {
        for pair: JSONValue in [["I", "x"], ["I", 3_000_000_000], ["b", 200], ["F", 1], ["?", 1], ["S"], 1] {
            let fields: JSONObject = ["properties": [:], "headers": ["a": pair], "body": ""]
            let resent = ResentMessage(fields: fields, message: .failure(MessageError(.undecodable, "")), queue: "q")
            #expect(throws: TransportError.self) { try Resender.content(of: resent) }
        }
    }
}
