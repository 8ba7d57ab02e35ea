import CeleryIO
import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite(.timeLimit(.minutes(1))) struct ConsumerLinkTests {
    /// A server with nothing in its queues, until it takes no more logins.
    static func server(_ isGone: @escaping @Sendable () -> Bool) throws -> ScriptedRedis {
        try ScriptedRedis { command in
            switch command[0] {
            case "PING": .bytes(isGone() ? "-LOADING Redis is loading the dataset in memory\r\n" : "+PONG\r\n")
            case "CLIENT": .bytes(command[1] == "ID" ? ":7\r\n" : "+OK\r\n")
            case "SCRIPT": .bytes("$1\r\nd\r\n")
            case "SUBSCRIBE": .bytes("*3\r\n+subscribe\r\n+c\r\n:1\r\n")
            case "EVALSHA": .bytes("*0\r\n")
            default: .bytes(":0\r\n")
            }
        }
    }

    @Test func aLossThatLastsIsTheConsumersAndWhatItHeldIsNotTouched() async throws {
        let isGone = Locked(false)
        let server = try Self.server { isGone.withLock { $0 } }
        let consumer = try await RedisConsumer.open(
            server.address, ConsumerConfiguration(queues: ["q"], prefetch: 0), options: .init(lease: 0.3),
            logger: RedisConnectionTests.logger)
        let receiving = Task { try await consumer.receive(upTo: 1) }
        consumer.held.add([(1, "q")])
        isGone.withLock { $0 = true }
        server.cut()
        let error = await #expect(throws: TransportError.self) { try await receiving.value }
        #expect(error?.isRetriable == true)
        await consumer.close()
        #expect(consumer.held.remove(1) == "q")
    }

    @Test func aReceiptCanBeCancelledDuringALoss() async throws {
        let isGone = Locked(false)
        let server = try Self.server { isGone.withLock { $0 } }
        let consumer = try await RedisConsumer.open(
            server.address, ConsumerConfiguration(queues: ["q"], prefetch: 0), options: .init(),
            logger: RedisConnectionTests.logger)
        isGone.withLock { $0 = true }
        server.cut()
        let receiving = Task { try await consumer.receive(upTo: 1) }
        receiving.cancel()
        await #expect(throws: CancellationError.self) { try await receiving.value }
        isGone.withLock { $0 = false }
        await consumer.close()
    }
}
