import CeleryIO
import CeleryProtocol
import CeleryTransport
import Logging
import Testing

@testable import CeleryRabbitMQ

@Suite(.timeLimit(.minutes(1))) struct QueueCaptureTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func refusal(_ type: String) -> String {
        "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'orders' in vhost '/': received 'classic' but "
            + "current is '\(type)'"
    }

    /// What a capture of a queue with so many messages leads to, whose type the server says in a refusal.
    private func error(of type: String, messages: UInt32) async throws -> TransportError? {
        let session = try SessionServer()
        return await #expect(throws: TransportError.self) {
            try await session.run {
                try QueueCapture(session: $0, logger: Self.logger).capture("orders", upTo: 10) { _ in true }
            } _: { server in
                try await server.answerDeclaration(messages: messages)
                try await server.refuse(.queueDeclare, refusal(type))
            }
        }
    }

    @Test func moreMessagesOfAQuorumQueueThanAConsumerCanHoldAreRefused() async throws {
        let error = try await error(of: "quorum", messages: 65_536)
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("the quorum queue orders has more than 65535 messages") == true)
    }

    @Test func aStreamIsRefused() async throws {
        let error = try await error(of: "stream", messages: 0)
        #expect(error?.code == .unsupported && error?.message.contains("orders is a stream") == true)
    }

    @Test(arguments: [true, false])
    func whatAQuorumQueueHasStillToDeliverIsTakenBeforeTheEnd(_ isCancelled: Bool) async throws {
        struct FullDisk: Error {}
        let received = Locked(0)
        let session = try SessionServer()
        let error = await #expect(throws: (any Error).self) {
            try await session.run { client in
                try QueueCapture(session: client, logger: Self.logger).capture("orders", upTo: 300) { page in
                    guard received.withLock({ $0 == 0 }) else { throw FullDisk() }
                    received.withLock { $0 += page.count }
                    if isCancelled { session.cancel() }
                    return true
                }
                Issue.record("it should have thrown")
            } _: { server in
                try await server.answerDeclaration(messages: 300)
                try await server.refuse(.queueDeclare, refusal("quorum"))
                try await server.answer(.basicQos, with: .basicQosOK)
                try await server.expect(.basicConsume)
                server.send(ServerFrames.method(.basicConsumeOK) { $0.bytes += ServerFrames.text("celery-swift") })
                for tag in 1...299 { server.send(ServerFrames.delivery(UInt64(tag), "\(tag)")) }
                // The last one is waited for.
                while received.withLock({ $0 == 0 }) { await Task.yield() }
                server.send(ServerFrames.delivery(300, "300"))
            }
        }
        #expect(error is FullDisk || isCancelled && error is CancellationError)
        #expect(received.withLock { $0 } == 100)
    }

    @Test func allMessagesOfAQuorumQueueAreDeliveredAndTheWantedOnesCopied() async throws {
        let received = Locked<[[String?]]>([])
        let session = try SessionServer()
        try await session.run { session in
            try QueueCapture(session: session, logger: Self.logger).capture("orders", upTo: 2) { page in
                received.withLock { $0.append(page.map { $0["body"]?.stringValue }) }
                return true
            }
        } _: { server in
            try await server.answerDeclaration(messages: 300)
            try await server.refuse(.queueDeclare, refusal("quorum"))
            var qos = try await server.expect(.basicQos).arguments()
            _ = try qos.integer(UInt32.self)
            #expect(try qos.integer(UInt16.self) == 300)
            server.send(ServerFrames.method(.basicQosOK))
            try await server.expect(.basicConsume)
            server.send(ServerFrames.method(.basicConsumeOK) { $0.bytes += ServerFrames.text("celery-swift capture") })
            for tag in 1...300 { server.send(ServerFrames.delivery(UInt64(tag), "\(tag)")) }
        }
        #expect(received.withLock { $0 } == [["1", "2"]])
    }
}
