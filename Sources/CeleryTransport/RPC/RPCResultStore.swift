internal import CeleryIO
internal import CeleryProtocol
internal import Logging

/// The client's end keeps what has arrived; the worker's end sends.
final class RPCResultStore: ResultStore {
    /// Results that nobody has asked for yet are kept up to this number, as in Celery.
    private static let keptResults = 8192
    /// How long the reply queue lives without a consumer, in seconds: Celery's `result_expires`.
    private static let queueExpires = 86400.0
    private static let reconnectDelay = Duration.milliseconds(500)

    private struct Arrived {
        var results: [String: TaskResult] = [:]
        var order: [String] = []
        var receiver: Task<Void, Never>?
    }

    private let context: ResultStoreContext
    private let deliveryMode: Int
    private let producer: Reconnecting<any Producer>
    private let consumer: Reconnecting<any Consumer>
    private let hub = UpdateHub()
    private let arrived = Locked(Arrived())

    init(_ context: ResultStoreContext, isPersistent: Bool) {
        self.context = context
        deliveryMode = isPersistent ? 2 : 1
        producer = Reconnecting { try await context.broker.makeProducer(logger: context.logger) }
        consumer = Reconnecting {
            // Bound to nothing: the default exchange finds it by its name.
            let queue = Queue(
                context.replyTo, exchange: "", isDurable: true, isAutoDelete: true, expires: Self.queueExpires)
            return try await context.broker.makeConsumer(
                ConsumerConfiguration(queues: [queue], prefetch: 0, isAutoAcknowledging: true, name: "celery-rpc"),
                logger: context.logger)
        }
    }

    func prepare() async throws {
        _ = try await consumer.get()
        arrived.withLock { arrived in
            guard arrived.receiver == nil else { return }
            // Runs as long as the store is open, beside whichever call was the first.
            arrived.receiver = Task { await self.receive() }
        }
    }

    private func receive() async {
        while !Task.isCancelled {
            do {
                let (consumer, generation) = try await consumer.get()
                do {
                    while true {
                        for delivery in try await consumer.receive(upTo: 1000) { take(delivery) }
                    }
                } catch {
                    self.consumer.report(broken: generation)
                    throw error
                }
            } catch is CancellationError {
                return
            } catch let error as TransportError where error.code == .closed {
                return
            } catch {
                context.logger.warning("waiting for results again", metadata: ["error": "\(error)"])
                do {
                    try await Task.sleep(for: Self.reconnectDelay)
                } catch {
                    return
                }
            }
        }
    }

    private func take(_ delivery: Delivery) {
        do {
            let message = try delivery.message.get()
            var result = try TaskResult(encoded: message.body)
            let id = message.properties.correlationID ?? result.id
            if result.id.isEmpty { result.id = id }
            keep(result, id: id)
            hub.yield(result, id: id)
        } catch {
            context.logger.warning("ignored a reply that is no result", metadata: ["error": "\(error)"])
        }
    }

    private func keep(_ result: TaskResult, id: String) {
        arrived.withLock { arrived in
            if arrived.results.updateValue(result, forKey: id) == nil { arrived.order.append(id) }
            if arrived.results.count > Self.keptResults {
                let oldest = arrived.order.removeFirst()
                arrived.results[oldest] = nil
            }
        }
    }

    func store(_ results: [StoredResult]) async throws {
        let (producer, generation) = try await producer.get()
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for stored in results {
                    // A sender that named no queue does not want to hear of it.
                    guard let queue = stored.route.replyTo, !queue.isEmpty else { continue }
                    let properties = MessageProperties(
                        correlationID: stored.route.correlationID, deliveryMode: deliveryMode, priority: 0)
                    let message = Message(properties: properties, body: stored.result.encoded())
                    group.addTask {
                        try await producer.publish(message, to: Destination(exchange: "", routingKey: queue))
                    }
                }
                try await group.waitForAll()
            }
        } catch let error as TransportError where error.code == .connectionLost {
            self.producer.report(broken: generation)
            throw error
        }
    }

    func result(of id: String) async throws -> TaskResult? {
        arrived.withLock { $0.results[id] }
    }

    func updates(of id: String) async throws -> AsyncThrowingStream<TaskResult, any Error> {
        try await prepare()
        let (stream, continuation, _) = hub.stream(of: id) {}
        // Looked up after the stream is there: what arrives meanwhile comes twice at worst.
        if let known = try await result(of: id) {
            continuation.yield(known)
            if known.state.isReady { continuation.finish() }
        }
        return stream
    }

    func forget(_ id: String) async throws {
        arrived.withLock { arrived in
            guard arrived.results.removeValue(forKey: id) != nil else { return }
            arrived.order.removeAll { $0 == id }
        }
    }

    func close() async {
        let receiver = arrived.withLock { $0.receiver }
        receiver?.cancel()
        await receiver?.value
        await consumer.close()?.close()
        await producer.close()?.close()
        hub.fail(TransportError(.closed, "the result backend was closed"))
    }
}
