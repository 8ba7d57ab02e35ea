internal import CeleryIO
internal import CeleryTransport
internal import Logging

extension Intake {
    /// The consumer for the next connection, with what it consumes; `nil` when there is no queue to consume.
    ///
    /// - Returns: also whether it was made here; otherwise a change has made it.
    func nextConsumer() async throws -> (consumer: any Consumer, change: Consumption.Change, isNew: Bool)? {
        let (made, change) = consumption.withLock { ($0.takeNext(), $0.present) }
        if let made { return (made, change, false) }
        guard !change.queues.isEmpty else { return nil }
        return (try await makeConsumer(change.queues, prefetch: change.prefetch), change, true)
    }

    private func makeConsumer(_ queues: [Queue], prefetch: Int) async throws -> any Consumer {
        try await broker.makeConsumerAbandonably(
            ConsumerConfiguration(queues: queues, prefetch: prefetch, name: name), logger: log.logger)
    }

    /// Consumes this queue too. One call at a time.
    ///
    /// - Throws: `TransportError` when the broker does not let it be consumed: all is as it was then.
    func add(_ queue: Queue) async throws {
        let queues = queues
        guard !queues.contains(where: { $0.name == queue.name }) else { return }
        try await consume(queues + [queue])
        log.logger.info("Started consuming from \(LogText.name(queue.name))")
    }

    /// Consumes this queue no longer. What was taken from it is run. One call at a time.
    ///
    /// - Throws: `TransportError` when the other queues cannot be consumed alone: all is as it was then.
    func remove(_ name: String) async throws {
        let queues = queues
        guard queues.contains(where: { $0.isCalled(name) }) else { return }
        try await consume(queues.filter { !$0.isCalled(name) })
        log.logger.info("Canceled queue \(LogText.name(name))")
    }

    /// So many tasks run at a time from now on: the prefetch count follows. One call at a time.
    ///
    /// - Throws: `TransportError` when the broker does not let it be changed: it is as it was then.
    func setConcurrency(_ count: Int) async throws {
        let (queues, before) = consumption.withLock { consumption in
            defer { consumption.prefetch = options.prefetch(for: count) }
            return (consumption.queues, consumption.prefetch)
        }
        guard !queues.isEmpty else { return }
        do {
            try await consume(queues)
        } catch {
            consumption.withLock { $0.prefetch = before }
            throw error
        }
    }

    /// Changes over to a consumer of its own for these queues. The one before takes no more messages, and is closed when those
    /// that it has are done.
    private func consume(_ queues: [Queue]) async throws {
        let consumer = queues.isEmpty ? nil : try await makeConsumer(queues, prefetch: prefetch)
        let (retired, unused) = consumption.withLock { $0.change(to: queues, by: consumer) }
        if let unused { await close(unused) }
        changed.signal()
        guard let retired else { return }
        if await !waitAtMost(limits.stop, for: { await retired.stop() }) { logTimeout("to stop") }
        // On its own, because what it has may run for long.
        Task {
            await retired.waitUntilDone()
            if consumption.withLock({ $0.forget(retired) }) { await close(retired.consumer) }
        }
    }
}
