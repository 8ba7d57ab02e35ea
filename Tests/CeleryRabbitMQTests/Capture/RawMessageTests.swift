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
        let fields = message.fields(queue: "orders", isCounted: false)
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
        let fields = RawMessage(properties: properties, body: []).fields(queue: "orders", isCounted: false)
        #expect(fields["content_base64"] != nil && fields["headers"] == ["a": ["t", true]])
        let resent = ResentMessage(fields: fields, message: .failure(MessageError(.undecodable, "")), queue: "orders")
        #expect(try Resender.content(of: resent).properties == properties)
    }

    private static let count: [UInt8] = {
        let name = Array("x-delivery-count".utf8)
        return [UInt8(name.count)] + name + [0x6C, 0, 0, 0, 0, 0, 0, 0, 3]
    }()

    private func message(_ properties: [UInt8], redelivered: Bool = true) -> RawMessage {
        RawMessage(isRedelivered: redelivered, properties: properties, body: [])
    }

    @Test func theCountThatAQuorumQueueAddsIsNoPartOfTheMessage() throws {
        let message = message([0x20, 0] + sized(Self.count))
        let fields = message.fields(queue: "orders", isCounted: true)
        #expect(fields["headers"] == [:] && fields["content_base64"] == nil)
        #expect(message.deliveryCount == 3)
    }

    @Test func aCountOfTheSendersOwnStays() throws {
        let properties = [0x20, 0] + sized(Self.count)
        // Of a classic queue, and of a first delivery, to which a quorum queue adds none.
        let all = [
            message(properties).fields(queue: "orders", isCounted: false),
            message(properties, redelivered: false).fields(queue: "orders", isCounted: true),
        ]
        for fields in all { #expect(fields["headers"] == ["x-delivery-count": ["l", 3]]) }
        #expect(message(properties, redelivered: false).deliveryCount == 0)
    }

    @Test func aCountedMessageIsKeptByteForByteToo() throws {
        // The header `a` stands twice, before and behind the count, after a content type.
        let (first, second): ([UInt8], [UInt8]) = ([1, 0x61, 0x56], [1, 0x61, 0x74, 1])
        let properties = [0xA8, 0, 1, 0x6A] + sized(first + Self.count + second) + [7]
        let fields = message(properties).fields(queue: "orders", isCounted: true)
        let resent = ResentMessage(fields: fields, message: .failure(MessageError(.undecodable, "")), queue: "orders")
        #expect(try Resender.content(of: resent).properties == [0xA8, 0, 1, 0x6A] + sized(first + second) + [7])
    }

    @Test func theCountIsFoundBehindHeadersOfAnyTypeAndDepth() throws {
        // Deeper than a table is read.
        var deep: [UInt8] = [0x56]
        for _ in 0..<150 { deep = [0x41] + sized(deep) }
        let others = Self.headers + [1, 0x7A] + deep
        let properties = [0x20, 0] + sized(others + Self.count)
        let fields = message(properties).fields(queue: "orders", isCounted: true)
        let resent = ResentMessage(fields: fields, message: .failure(MessageError(.undecodable, "")), queue: "orders")
        #expect(try Resender.content(of: resent).properties == [0x20, 0] + sized(others))
    }

    @Test func aCountThatFitsNoNumberEndsNothing() {
        let largest = Array(repeating: UInt8(0xFF), count: 8)
        for value: [UInt8] in [[0x6C] + largest, [0x53, 0, 0, 0, 0], [0x54] + largest] {
            let name = Array("x-delivery-count".utf8)
            let properties = [0x20, 0] + sized([UInt8(name.count)] + name + value)
            #expect(message(properties).deliveryCount <= 0)
            #expect(message(properties).fields(queue: "orders", isCounted: true)["headers"] == [:])
        }
    }

    @Test func whatIsNoContentIsRefusedBeforeTheServerEndsTheConnectionOverIt() {
        let contents: [JSONObject] = [
            ["content": "abc"], ["content_base64": "//8="], ["content_base64": ""], ["content_base64": "no base64"],
            ["content_base64": "AAAA"], ["properties": []], ["headers": []],
        ]
        for content in contents {
            var fields = content
            fields["body"] = "x"
            let resent = ResentMessage(fields: fields, message: .failure(MessageError(.undecodable, "")), queue: "q")
            #expect(throws: TransportError.self, "\(content)") { try Resender.content(of: resent) }
        }
    }

    @Test func aHeaderThatDoesNotFitItsTypeIsRefused() {
        for pair: JSONValue in [["I", "x"], ["I", 3_000_000_000], ["b", 200], ["F", 1], ["?", 1], ["S"], 1] {
            let fields: JSONObject = ["properties": [:], "headers": ["a": pair], "body": ""]
            let resent = ResentMessage(fields: fields, message: .failure(MessageError(.undecodable, "")), queue: "q")
            #expect(throws: TransportError.self) { try Resender.content(of: resent) }
        }
    }
}
