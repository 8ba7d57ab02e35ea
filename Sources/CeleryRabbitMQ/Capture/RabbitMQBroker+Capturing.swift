internal import CeleryIO
internal import CeleryProtocol
package import CeleryTransport
package import Logging

extension RabbitMQBroker: CapturingBroker {
    /// So long is waited for the next message while the queue says that there are some.
    private static let patience = Duration.seconds(5)
    private static let page = 100

    /// Consumes without acknowledging and ends the connection, upon which the server puts all back to where it was. That
    /// holds for a consumer alone: single messages that are got, or given back, come to the end of a quorum queue, or in
    /// another order. The consumer's priority is so low that it takes nothing that a worker waits for.
    package func look(at queue: Queue, upTo limit: Int, logger: Logger, _ take: @escaping Taker) async throws {
        try await session("celery-swift capture") { session in
            let waiting = try session.waiting(in: queue.name)
            guard waiting > 0 else { return }
            let nature = try session.nature(of: queue.name)
            guard nature != .autoDelete else {
                throw TransportError(
                    .unsupported,
                    "the queue \(LogText.name(queue.name)) is deleted with its last consumer, and a look is one")
            }
            let wanted = min(limit, waiting)
            let count = nature == .classic ? wanted : waiting
            // Without a limit a quorum queue delivers some of so many only, and these would come back in front.
            guard nature == .classic || count <= Int(UInt16.max) else {
                throw TransportError(
                    .unsupported,
                    """
                    the quorum queue \(LogText.name(queue.name)) has more than 65535 messages, which cannot be looked at \
                    without a change of their order
                    """)
            }
            try session.limit(to: UInt16(exactly: count) ?? 0)
            try session.consume(queue.name, flags: 0, arguments: ["x-priority": -100])
            let deliveries = try Self.copy(wanted, amongst: count, of: queue.name, session, logger, take)
            // Of a classic queue it is a header of the sender's own.
            guard deliveries > 0, nature != .classic else { return }
            logger.warning(
                "a quorum queue counts each look as a delivery, and drops a message or dead-letters it at its limit",
                metadata: ["delivered before": "\(deliveries)"])
        }
    }

    /// Copies so many messages, or as many as there are.
    ///
    /// - Parameter count: how many are delivered.
    /// - Returns: how often one of them was delivered before, as quorum queues count it.
    private static func copy(
        _ wanted: Int, amongst count: Int, of queue: String, _ session: AMQPSession, _ logger: Logger, _ take: Taker
    ) throws -> Int {
        var page: [JSONObject] = []
        var deliveries = 0
        let outcome = Result {
            for number in 1...count {
                guard let message = try message(of: queue, session) else {
                    return logger.warning("others have taken the other messages", metadata: ["copied": "\(number - 1)"])
                }
                deliveries = max(deliveries, message.deliveryCount)
                if number <= wanted { page.append(message.fields(queue: queue)) }
                guard page.count == Self.page else { continue }
                defer { page = [] }
                _ = try take(page)
            }
        }
        // Also when it was interrupted.
        if !page.isEmpty { _ = try take(page) }
        try outcome.get()
        return deliveries
    }

    /// The next message; `nil` when there is none any more.
    private static func message(of queue: String, _ session: AMQPSession) throws -> RawMessage? {
        let end = ContinuousClock.now + patience
        while .now < end {
            if let message = try session.message(within: .milliseconds(200)) { return message }
            // What is on its way comes before the answer to a second question.
            if try session.waiting(in: queue) == 0 { return try session.message(within: .milliseconds(200)) }
        }
        throw TransportError(
            .rejected, "the queue \(LogText.name(queue)) delivers nothing; has it a single active consumer?")
    }

    /// Gets copies by way of the queue's exchange. Celery's clients send to a direct exchange's queue by its name, past
    /// the exchange, where nobody can listen.
    package func follow(_ queue: Queue, logger: Logger, _ take: @escaping Taker) async throws {
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
            try session.tap(exchange: queue.exchange, key: queue.routingKey)
            logger.notice("following the queue's exchange until Ctrl-C or --count")
            while true {
                guard let first = try session.message(within: .milliseconds(100)) else { continue }
                var page = [first]
                while page.count < Self.page, let next = try session.message(within: .zero) { page.append(next) }
                guard try take(page.map { $0.fields(queue: queue.name) }) else { return }
            }
        }
    }

    package func resend(_ messages: [ResentMessage], logger: Logger) async throws -> [Int: TransportError] {
        let failures = Locked<[Int: TransportError]>([:])
        try await session("celery-swift replay") { session in
            for queue in Set(messages.map(\.queue)).sorted() { _ = try session.waiting(in: queue) }
            let resender = try Resender(session)
            for (position, message) in messages.enumerated() {
                do throws(TransportError) {
                    let (properties, body) = try Resender.content(of: message)
                    let refused = try resender.send(properties, body, to: message.queue, as: position)
                    failures.withLock { failures in for other in refused { failures[other] = Resender.refusal } }
                } catch {
                    guard error.code == .rejected, !resender.hasFailed else { throw error }
                    failures.withLock { $0[position] = error }
                }
            }
            let refused = try resender.finish()
            failures.withLock { failures in for other in refused { failures[other] = Resender.refusal } }
        }
        return failures.withLock { $0 }
    }

    /// Does something over a connection of its own, on a thread of its own.
    private func session(_ name: String, _ body: @escaping @Sendable (AMQPSession) throws -> Void) async throws {
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

extension RawMessage {
    /// How often a quorum queue has delivered it before.
    fileprivate var deliveryCount: Int {
        do throws(WireError) {
            let headers = try TypedProperties(properties).headers
            return headers["x-delivery-count"]?.arrayValue?.last?.integerValue ?? 0
        } catch {
            return 0
        }
    }
}
