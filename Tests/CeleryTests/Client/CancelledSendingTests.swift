import CeleryIO
import CeleryTransport
import Logging
import Testing

@testable import Celery

@Suite struct CancelledSendingTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Connects when it is told to, and then only.
    private struct SlowBroker: Broker {
        let inner = MemoryBroker()
        let isAsked: AsyncStream<Void>.Continuation
        let mayConnect: AsyncStream<Void>

        var location: String { inner.location }

        func makeProducer(logger: Logger) async throws -> any Producer {
            isAsked.finish()
            for await _ in mayConnect {}
            return try await inner.makeProducer(logger: logger)
        }

        func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
            try await inner.makeConsumer(configuration, logger: logger)
        }
    }

    @Test func aCallThatWaitsForTheConnectionCanBeCancelled() async throws {
        let (asked, isAsked) = AsyncStream<Void>.makeStream()
        let (mayConnect, connect) = AsyncStream<Void>.makeStream()
        let client = try CeleryClient(
            broker: SlowBroker(isAsked: isAsked, mayConnect: mayConnect), logger: Self.logger)
        let call = Task { try await client.enqueue(named: "a") }
        for await _ in asked {}
        let other = Task { try await client.enqueue(named: "b") }
        call.cancel()
        await #expect(throws: CancellationError.self) { _ = try await call.value }
        connect.finish()
        _ = try await other.value
        await client.close()
    }
}
