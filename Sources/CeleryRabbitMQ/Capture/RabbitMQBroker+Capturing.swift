internal import CeleryIO
internal import CeleryProtocol
package import CeleryTransport
package import Logging

extension RabbitMQBroker: CapturingBroker {
    package func capture(_ queue: Queue, upTo limit: Int, logger: Logger, _ receive: @escaping Receiver) async throws {
        try await session("celery-swift capture") { session in
            try QueueCapture(session: session, logger: logger).capture(queue.name, upTo: limit, receive)
        }
    }

    /// Gets copies by way of the queue's exchange. Celery's clients send to a direct exchange's queue by its name, past
    /// the exchange, where nobody can listen.
    package func follow(_ queue: Queue, logger: Logger, _ receive: @escaping Receiver) async throws {
        guard !queue.exchange.isEmpty, queue.exchange != queue.name || queue.exchangeType != .direct else {
            throw TransportError(
                .unsupported,
                """
                the queue \(LogText.name(queue.name)) cannot be followed on RabbitMQ: its messages come by the default \
                exchange, which nobody can listen to; an exchange that they do come by is named as in \
                '\(LogText.name(queue.name))?exchange=shop&exchange-type=topic&routing-key=shop.#'
                """)
        }
        if queue.exchangeType == .direct {
            logger.warning(
                "only messages that their sender gave this exchange and this routing key are seen: with a queue's name alone Celery sends to a direct exchange's queue by the default exchange",
                metadata: [
                    "celery.exchange": "\(LogText.name(queue.exchange))",
                    "celery.routing_key": "\(LogText.name(queue.routingKey))",
                ])
        }
        try await session("celery-swift capture") { session in
            try QueueCapture(session: session, logger: logger).follow(queue, receive)
        }
    }

    package func resend(_ messages: [ResentMessage], logger: Logger) async throws -> ResendReport {
        let copied = messages.count { $0.fields["headers"]?.objectValue?["CC"] != nil }
        if copied > 0 {
            logger.warning(
                "messages with the header CC go to the queues that it names as well", metadata: ["count": "\(copied)"])
        }
        let report = Locked(ResendReport())
        do {
            try await session("celery-swift replay") { session in
                for queue in Set(messages.map(\.queue)).sorted() { _ = try session.waiting(in: queue) }
                let resender = try Resender(session)
                resender.resend(messages)
                report.withLock { $0 = resender.report }
            }
        } catch {
            // A connection that breaks has no goodbye; the report says what became of the messages.
            guard report.withLock({ $0.tried > 0 }) else { throw error }
        }
        return report.withLock { $0 }
    }

    /// Does something over a connection of its own, on a thread of its own.
    func session(_ name: String, _ body: @escaping @Sendable (AMQPSession) throws -> Void) async throws {
        let addresses = try validAddresses()
        let isCancelled = Locked(false)
        let thread = try SessionThread(name: "amqp-session")
        do {
            try await withTaskCancellationHandler {
                try await thread.run {
                    let session = try AMQPSession(try AMQPConnector.connect(to: addresses, name: name)) {
                        isCancelled.withLock { $0 }
                    }
                    let outcome = Result { try body(session) }
                    // Without its goodbye the server hears of the end all the same.
                    let goodbye = Result { try session.close() }
                    try outcome.get()
                    try goodbye.get()
                }
            } onCancel: {
                isCancelled.withLock { $0 = true }
            }
        } catch let fault as ServerFault {
            throw TransportError(fault)
        } catch let error as IOError {
            throw TransportError(.connectionLost, "the connection is lost: \(error)", underlyingError: error)
        } catch let error as WireError {
            throw TransportError(.connectionLost, "RabbitMQ sent no AMQP: \(error.reason)", underlyingError: error)
        }
    }
}
