import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct DeclarationTests {
    @Test func aQueueIsDeclaredWithItsExchangeAndBinding() throws {
        var writer = WireWriter()
        #expect(
            try QueueDeclaration("ab").write(to: &writer, channel: 2) == [
                .exchangeDeclareOK, .queueDeclareOK, .queueBindOK,
            ])
        let expected: [UInt8] =
            [1, 0, 2, 0, 0, 0, 21, 0, 40, 0, 10, 0, 0, 2, 0x61, 0x62, 6] + Array("direct".utf8) + [2, 0, 0, 0, 0, 0xCE]
            + [1, 0, 2, 0, 0, 0, 14, 0, 50, 0, 10, 0, 0, 2, 0x61, 0x62, 2, 0, 0, 0, 0, 0xCE]
            + [
                1, 0, 2, 0, 0, 0, 20, 0, 50, 0, 20, 0, 0, 2, 0x61, 0x62, 2, 0x61, 0x62, 2, 0x61, 0x62, 0, 0, 0, 0, 0,
                0xCE,
            ]
        #expect(writer.bytes == expected)
    }

    @Test func aQueueOfTheDefaultExchangeIsDeclaredAlone() throws {
        var writer = WireWriter()
        let queue = Queue("r", exchange: "", isAutoDelete: true, expires: .seconds(86_400))
        #expect(try QueueDeclaration(queue).write(to: &writer, channel: 2) == [.queueDeclareOK])
        #expect(writer.bytes[15] == 0b01010)
    }

    @Test func argumentsAreNamedAsRabbitMQNamesThem() {
        #expect(Queue("a").declarationArguments == [:])
        #expect(Queue("a", kind: .quorum).declarationArguments == ["x-queue-type": "quorum"])
        #expect(
            Queue("a", maxPriority: 10, expires: .seconds(1.5)).declarationArguments == [
                "x-max-priority": 10, "x-expires": 1500,
            ]
        )
        #expect(Queue("a", expires: .seconds(Int64.max)).declarationArguments["x-expires"] == .integer(.max))
    }
}
