internal import CeleryProtocol
package import CeleryTransport
package import Logging

extension RedisBroker: CapturingBroker {
    /// Reads the queue's lists, one after the other, and changes nothing.
    package func look(at queue: Queue, upTo limit: Int, logger: Logger, _ take: @escaping Taker) async throws {
        try await capturing(queue, logger) { capture in
            _ = try await capture.look(upTo: limit, take)
        }
    }

    /// Copies what waits, then looks for what was pushed ten times a second. What a worker takes before the next look is
    /// not seen.
    package func follow(_ queue: Queue, logger: Logger, _ take: @escaping Taker) async throws {
        try await capturing(queue, logger) { capture in
            guard try await capture.look(upTo: .max, take) else { return }
            logger.notice("following the queue until Ctrl-C or --count")
            repeat {
                try await Task.sleep(for: .milliseconds(100))
            } while try await capture.takeNews(take)
        }
    }

    private func capturing(
        _ queue: Queue, _ logger: Logger, _ body: (inout ListCapture) async throws -> Void
    ) async throws {
        let connection = try await RedisConnection.open(validAddress(), name: "celery-capture", logger: logger)
        await ForeignSteps([queue.name], options.keys).warn(connection, logger)
        var capture = ListCapture(queue.name, options.keys, connection)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(&capture))
        } catch {
            outcome = .failure(error)
        }
        await connection.close()
        try outcome.get()
    }

    package func resend(_ messages: [ResentMessage], logger: Logger) async throws -> [Int: TransportError] {
        let connection = try await RedisConnection.open(validAddress(), name: "celery-replay", logger: logger)
        var failures: [Int: TransportError] = [:]
        let outcome: Result<Void, any Error>
        do {
            for start in stride(from: 0, to: messages.count, by: 100) {
                let positions = start..<min(start + 100, messages.count)
                try await send(messages, positions, on: connection, &failures)
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await connection.close()
        try outcome.get()
        return failures
    }

    private func send(
        _ messages: [ResentMessage], _ positions: Range<Int>, on connection: RedisConnection,
        _ failures: inout [Int: TransportError]
    ) async throws {
        var pipeline = RedisPipeline()
        var sent: [Int] = []
        for position in positions {
            do throws(TransportError) {
                let entry = try ResentEntry(messages[position], options.keys)
                pipeline.begin(3)
                pipeline.add("LPUSH")
                pipeline.add(entry.key)
                pipeline.add(entry.envelope)
                sent.append(position)
            } catch {
                failures[position] = error
            }
        }
        guard !sent.isEmpty else { return }
        for (position, reply) in zip(sent, try await connection.send(pipeline)) {
            if let refusal = reply.refusal { failures[position] = TransportError(refusal: refusal) }
        }
    }
}
