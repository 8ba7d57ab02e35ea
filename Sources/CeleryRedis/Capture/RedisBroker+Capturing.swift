internal import CeleryProtocol
package import CeleryTransport
package import Logging

extension RedisBroker: CapturingBroker {
    /// Reads the queue's lists, one after the other, and changes nothing.
    package func capture(_ queue: Queue, upTo limit: Int, logger: Logger, _ receive: @escaping Receiver) async throws {
        try await capturing(queue, logger) { capture in
            _ = try await capture.capture(upTo: limit, receive)
        }
    }

    /// Copies what waits, then looks for what was pushed ten times a second. What a worker takes before the next look is
    /// not seen.
    package func follow(_ queue: Queue, logger: Logger, _ receive: @escaping Receiver) async throws {
        try await capturing(queue, logger) { capture in
            guard try await capture.capture(upTo: .max, receive) else { return }
            logger.notice("following the queue until Ctrl-C or --count")
            repeat {
                try await Task.sleep(for: .milliseconds(100))
            } while try await capture.captureNews(receive)
        }
    }

    private func capturing(
        _ queue: Queue, _ logger: Logger, _ body: (inout ListCapture) async throws -> Void
    ) async throws {
        try await withConnection("celery-capture", logger) { connection in
            await ForeignSteps([queue.name], options.keys).warn(connection, logger)
            var capture = ListCapture(queue.name, options.keys, connection)
            try await body(&capture)
        }
    }

    package func resend(_ messages: [ResentMessage], logger: Logger) async throws -> ResendReport {
        try await withConnection("celery-replay", logger) { connection in
            var report = ResendReport()
            do {
                while report.tried < messages.count {
                    try Task.checkCancellation()
                    try await sendBatch(of: messages, on: connection, &report)
                }
            } catch {
                report.end = error
            }
            return report
        }
    }

    /// Sends the next messages: as many as make up one write of a reasonable size.
    private func sendBatch(
        of messages: [ResentMessage], on connection: RedisConnection, _ report: inout ResendReport
    ) async throws {
        var pipeline = RedisPipeline()
        var sent: [Int] = []
        var size = 0
        while report.tried < messages.count, sent.count < 100, size < 1 << 20 {
            let position = report.tried
            report.tried += 1
            do throws(TransportError) {
                let entry = try ResentEntry(messages[position], options.keys)
                pipeline.begin(3)
                pipeline.add("LPUSH")
                pipeline.add(entry.key)
                pipeline.add(entry.envelope)
                size += entry.envelope.count
                sent.append(position)
            } catch {
                report.failures[position] = error
            }
        }
        guard !sent.isEmpty else { return }
        report.unknown = sent
        for (position, reply) in zip(sent, try await connection.send(pipeline)) {
            if let refusal = reply.refusal { report.failures[position] = TransportError(refusal: refusal) }
        }
        report.unknown = []
    }
}
