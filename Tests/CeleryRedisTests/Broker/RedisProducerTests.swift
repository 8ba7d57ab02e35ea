import CeleryProtocol
import CeleryTransport
import Logging
import TestSupport
import Testing

@testable import CeleryRedis

@Suite struct RedisProducerTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// What Redis does not answer: the message, or the question for the bindings of its exchange.
    @Test(arguments: [("LPUSH", Destination(queue: "q")), ("SMEMBERS", Destination(exchange: "ex", routingKey: "k"))])
    func aPublishThatRedisDoesNotAnswerCanBeCancelled(command: String, destination: Destination) async throws {
        let asked = Notes<String>()
        let server = try ScriptedRedis { received in
            guard received[0] == command else { return .bytes("+OK\r\n") }
            asked.add(received[0])
            return .silence
        }
        let producer = try await RedisBroker("redis://127.0.0.1:\(server.port)").makeProducer(logger: Self.logger)
        let publish = Task { try await producer.publish(Message(body: []), to: destination) }
        #expect(try await asked.next() == command)
        publish.cancel()
        await #expect(throws: CancellationError.self) { try await publish.value }
        server.cut()
    }

    /// One hostile task may have thousands of links.
    @Test func manyMessagesThatNoQueueIsBoundForAreAFewShortLines() async throws {
        let server = try ScriptedRedis { $0[0] == "SMEMBERS" ? .bytes("*0\r\n") : .bytes("+OK\r\n") }
        let log = LogLines()
        let producer = try await RedisBroker("redis://127.0.0.1:\(server.port)").makeProducer(logger: log.logger)
        for number in 0..<100 {
            let exchange = "\(number)" + String(repeating: "e\n", count: 10_000)
            try await producer.publish(Message(body: []), to: Destination(exchange: exchange, routingKey: exchange))
        }
        let lines = log.lines.filter { $0.contains("no queue is bound") }
        // One more every ten seconds that it takes.
        #expect((1...10).contains(lines.count))
        #expect(lines.allSatisfy { $0.utf8.count < 500 })
        server.cut()
    }
}
