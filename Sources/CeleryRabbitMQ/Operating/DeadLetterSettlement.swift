internal import CeleryIO
package import CeleryProtocol
package import CeleryTransport
package import Logging

extension RabbitMQBroker {
    /// Which queues hold dead letters is known to whoever has named them.
    package func deadLetterQueues(logger: Logger) async throws -> [String] {
        throw TransportError(
            .unsupported,
            "on RabbitMQ dead letters are in the queues that dead-letter exchanges lead to, which have any names: -Q names them"
        )
    }

    /// The queue itself: dead letters are in one like any other.
    package func deadLetterQueue(of queue: String) -> String { queue }

    /// Consumes what the queue has, as a capture does, and acknowledges what does not stay: what is requeued only when the
    /// server has confirmed that the other queue has it. The rest goes back to where it was, with the connection's end.
    package func settleDeadLetters(
        in queue: String, logger: Logger, _ decide: @escaping @Sendable (JSONObject) throws -> DeadLetterFate
    ) async throws -> DeadLetterReport {
        let report = Locked(DeadLetterReport())
        try await session("celery-swift dead-letters") { session in
            let link = try AMQPConnector.connect(to: try validAddresses(), name: "celery-swift dead-letters")
            let publishing = try AMQPSession(link, isCancelled: session.isCancelled)
            let settlement = DeadLetterSettlement(
                queue, capture: QueueCapture(session: session, logger: logger), publishing: publishing)
            let outcome = Result { try settlement.run(decide) }
            // Without its goodbye the server hears of the end all the same.
            let goodbye = Result { try publishing.close() }
            var found = settlement.report
            if case .failure(let error) = outcome {
                found.end = error
            } else if case .failure(let error) = goodbye {
                found.end = error
            }
            report.withLock { [found] in $0 = found }
        }
        return report.withLock { $0 }
    }
}

/// Moves and deletes messages of a queue of dead letters.
final class DeadLetterSettlement {
    private let queue: String
    private let capture: QueueCapture
    private let publishing: AMQPSession
    /// One for all, as the server counts on what it has confirmed; made anew with the channel.
    private var resender: Resender?
    private(set) var report = DeadLetterReport()

    init(_ queue: String, capture: QueueCapture, publishing: AMQPSession) {
        self.queue = queue
        self.capture = capture
        self.publishing = publishing
    }

    func run(_ decide: (JSONObject) throws -> DeadLetterFate) throws {
        try capture.takeAll(of: queue) { message, isCounted in
            let fields = message.fields(queue: queue, isCounted: isCounted)
            // As it goes, it is not yet dead.
            let revived = message.withoutDeaths.fields(queue: queue, isCounted: isCounted)
            switch try decide(fields) {
            case .stays: report.stayed += 1
            case .isDropped:
                try acknowledge(message)
                report.dropped += 1
            case .isRequeued(let target):
                guard let target = target ?? message.firstDeathQueue else {
                    let reason = "it does not say which queue it comes from: --to names one"
                    return report.failures.append((fields, TransportError(.rejected, reason)))
                }
                try requeue(message, revived, to: target)
            }
        }
    }

    private func requeue(_ message: RawMessage, _ fields: JSONObject, to target: String) throws {
        do {
            _ = try publishing.waiting(in: target)
        } catch let fault as ServerFault where fault.code == 404 {
            resender = nil
            let reason = "there is no queue \(LogText.name(target))"
            return report.failures.append((fields, TransportError(.rejected, reason, underlyingError: fault)))
        }
        let resender = try self.resender ?? Resender(publishing)
        self.resender = resender
        let position = resender.report.tried
        let unread = MessageError(.undecodable, "it comes from RabbitMQ and is sent as it is")
        resender.resend([ResentMessage(fields: fields, message: .failure(unread), queue: target)])
        if let error = resender.report.failures[position] { return report.failures.append((fields, error)) }
        // It may be there or not: it stays.
        if let end = resender.report.end { throw end }
        try acknowledge(message)
        report.requeued[target, default: 0] += 1
    }

    private func acknowledge(_ message: RawMessage) throws {
        try capture.session.send { writer in
            writer.acknowledge(message.deliveryTag, multiple: false, channel: AMQPSession.channel)
        }
    }
}

extension RawMessage {
    /// The message as it was before it died: for one that dies again in the same way RabbitMQ would see a circle, and drop it.
    var withoutDeaths: RawMessage {
        var message = self
        for header in ["x-death"]
            + ["queue", "exchange", "reason"].flatMap({ ["x-first-death-\($0)", "x-last-death-\($0)"] })
        {
            do throws(WireError) {
                message.properties = try TypedProperties.removing(header, from: message.properties)
            } catch {
                return self
            }
        }
        return message
    }

    /// The queue in which it has died first, as RabbitMQ has written into it.
    var firstDeathQueue: String? {
        do throws(WireError) {
            let headers = try TypedProperties(properties).headers
            if let queue = headers["x-first-death-queue"].flatMap({ AMQPField($0)?.value ?? $0 })?.stringValue {
                return queue
            }
            let deaths = headers["x-death"].flatMap { AMQPField($0) }?.value.arrayValue ?? []
            let first = deaths.first.flatMap { AMQPField($0) }?.value.objectValue
            return first?["queue"].flatMap { AMQPField($0)?.value ?? $0 }?.stringValue
        } catch {
            return nil
        }
    }
}
