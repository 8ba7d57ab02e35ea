import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import Testing

@testable import CeleryRabbitMQ

extension LiveTests {
    @Suite struct QueueTypes {
        /// Runs on a session of its own.
        private func withSession<Value: Sendable>(
            _ body: @escaping @Sendable (AMQPSession) throws -> Value
        ) async throws -> Value {
            let addresses = try LiveServer.broker.validAddresses()
            let outcome = Locked<Result<Value, any Error>?>(nil)
            try await SessionThread(name: "test").run {
                let session = try AMQPSession(try AMQPConnector.connect(to: addresses, name: "test")) { false }
                outcome.withLock { $0 = Result { try body(session) } }
                try session.close()
            }
            return try #require(outcome.withLock { $0 }).get()
        }

        static let classic: [JSONObject] = [
            [:], ["x-queue-type": "classic"], ["x-max-priority": 5, "x-expires": 60_000, "x-queue-mode": "lazy"],
            ["x-dead-letter-exchange": "dead", "x-max-length": 10, "x-single-active-consumer": true],
        ]
        static let quorum: [JSONObject] = [
            [:], ["x-dead-letter-exchange": "dead", "x-dead-letter-routing-key": "k", "x-delivery-limit": 3],
            ["x-expires": 60_000, "x-max-length": 10, "x-overflow": "reject-publish", "x-max-length-bytes": 1000],
            ["x-single-active-consumer": true, "x-message-ttl": 60_000],
        ]

        @Test(arguments: classic.map { ($0, QueueType.classic) } + quorum.map { ($0, QueueType.quorum) })
        func aQueueIsKnownWhateverItWasDeclaredWith(arguments: JSONObject, type: QueueType) async throws {
            let kind = type == .quorum ? Queue.Kind.quorum : .classic
            let queue = Queue("test-\(UUID().uuidString)", kind: kind, arguments: arguments)
            let producer = try await LiveServer.producer()
            try await producer.publish(Message("a"), to: Destination(queue: queue))
            await producer.close()
            #expect(try await withSession { try $0.type(of: queue.name) } == type)
            try await QueueDeletion.delete(queue.name)
        }

        @Test func askingForAQueueThatHasGoneMeanwhileMakesNone() async throws {
            let name = "test-\(UUID().uuidString)"
            #expect(try await withSession { try $0.type(of: name) } == .unknown)
            await #expect(throws: ServerFault.self) { try await withSession { try $0.waiting(in: name) } }
        }
    }
}
