import CeleryIO
import CeleryProtocol
import CeleryRabbitMQ
import CeleryTransport
import Testing

extension LiveTests {
    @Suite struct ConnectionFailures {
        private func url(_ change: (inout ServerURL) -> Void) throws -> String {
            var url = try ServerURL(LiveServer.url)
            change(&url)
            let host = url.host.contains(":") ? "[\(url.host)]" : url.host
            return "amqp://\(url.user ?? "guest"):\(url.password ?? "guest")@\(host):\(url.port ?? 5672)/\(url.path)"
        }

        private func failure(_ url: String) async throws -> TransportError {
            let broker = RabbitMQBroker(url)
            let first = await #expect(throws: TransportError.self) {
                _ = try await broker.makeProducer(logger: LiveServer.logger)
            }
            let second = await #expect(throws: TransportError.self) {
                _ = try await broker.makeConsumer(
                    ConsumerConfiguration(queues: ["a"], prefetch: 1),
                    logger: LiveServer.logger
                )
            }
            #expect(first?.code == second?.code)
            #expect(first?.message.contains("\n") == false)
            return try #require(first)
        }

        @Test func aWrongPasswordIsRefusedInOneLine() async throws {
            let failure = try await failure(try url { $0.password = "not-the-password" })
            #expect(failure.code == .refused)
            #expect(failure.message.contains("ACCESS_REFUSED"))
            #expect(!failure.message.contains("not-the-password"))
        }

        @Test func aVirtualHostThatDoesNotExistIsWaitedFor() async throws {
            let failure = try await failure(try url { $0.path = "no-such-host" })
            #expect(failure.code == .unavailable)
            #expect(failure.message.contains("no-such-host"))
        }

        @Test func aPortThatNobodyListensOnIsUnreachable() async throws {
            let failure = try await failure(try url { $0.port = 1 })
            #expect(failure.code == .unreachable)
            #expect(failure.message.contains("refused"))
            #expect(failure.isRetriable)
        }

        @Test func aHostThatDoesNotExistIsUnreachable() async throws {
            #expect(try await failure("amqp://no-such-host.invalid//").code == .unreachable)
        }

        @Test func theNextServerOfAListIsTried() async throws {
            let broker = RabbitMQBroker(try url { $0.port = 1 } + ";" + LiveServer.url)
            await (try await broker.makeProducer(logger: LiveServer.logger)).close()
        }

        @Test func aConnectionThatIsCutFailsBothSidesAndLosesNothing() async throws {
            let server = try ServerURL(LiveServer.url)
            let proxy = try Proxy(to: server.host, port: server.port ?? 5672)
            let broker = RabbitMQBroker(
                try url {
                    $0.host = "127.0.0.1"
                    $0.port = proxy.port
                }
            )
            let queue = LiveServer.queue()
            let producer = try await broker.makeProducer(logger: LiveServer.logger)
            try await producer.publish(Message("a"), to: Destination(queue: queue))
            let configuration = ConsumerConfiguration(queues: [queue], prefetch: 10)
            let consumer = try await broker.makeConsumer(configuration, logger: LiveServer.logger)
            #expect(try await consumer.receive(count: 1).map(\.text) == ["a"])
            let receiving = Task { try await consumer.receive(upTo: 1) }
            proxy.cut()
            let received = await #expect(throws: TransportError.self) { try await receiving.value }
            #expect(received?.code == .connectionLost)
            let published = await #expect(throws: TransportError.self) {
                // The producer may not have noticed before the first of these.
                while true { try await producer.publish(Message("b"), to: Destination(queue: queue)) }
            }
            #expect(published?.code == .connectionLost)
            let next = try await LiveServer.consumer(queue)
            let again = try #require(try await next.receive(count: 1).first)
            #expect(again.text == "a")
            #expect(try again.message.get().properties.isRedelivered)
            await next.close()
            await consumer.close()
            await producer.close()
        }

        @Test func aQueueThatIsDeletedIsConsumedAnewAndTheOthersGoOn() async throws {
            let (gone, other) = (LiveServer.queue(), LiveServer.queue())
            let producer = try await LiveServer.producer()
            let consumer = try await LiveServer.consumer(gone, other)
            try await producer.publish(Message("held"), to: Destination(queue: gone))
            try await producer.publish(Message("kept"), to: Destination(queue: other))
            let held = try await consumer.receive(count: 2)
            try await QueueDeletion.delete(gone.name)
            // Its queue is there again as soon as it is consumed: a message finds it then or makes it itself.
            try await producer.publish(Message("new"), to: Destination(queue: gone))
            let new = try await consumer.receive(count: 1)
            #expect(new.map(\.text) == ["new"])
            for delivery in held { #expect(consumer.holds(delivery.tag) == (delivery.text == "kept")) }
            for delivery in held + new { consumer.settle(delivery.tag, .acknowledge) }
            await consumer.flush()
            try await producer.publish(Message("last"), to: Destination(queue: other))
            #expect(try await consumer.receive(count: 1).map(\.text) == ["last"])
            await consumer.close()
            await producer.close()
        }
    }
}
