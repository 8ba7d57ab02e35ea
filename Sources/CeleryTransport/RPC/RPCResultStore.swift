internal import CeleryIO
internal import CeleryProtocol
internal import Logging
internal import Synchronization

/// The client's end keeps what has arrived; the worker's end sends.
final class RPCResultStore: ResultStore {
    /// Results without a handle that nobody has asked for yet are kept up to this number.
    static let keptResults = 8192
    /// So many tasks without a result and without a handle are known as sent from here.
    private static let rememberedTasks = 65_536
    /// How long the reply queue lives without a consumer. It outlives the connection, and with it the replies
    /// that come until there is another one; a client that ends in order deletes it.
    private static let queueExpires = Duration.seconds(3600)
    /// As many are taken in at a time.
    private static let largestBatch = 1000
    /// How soon replies are received again after a connection was lost.
    private static let reconnecting = RetrySchedule(
        first: .milliseconds(50), maximum: .seconds(5), isFirstAtOnce: true)

    /// A result goes to the sender of its task.
    let keepsResults = false

    private let context: ResultStoreContext
    private let deliveryMode: Int
    private let producer: Reconnecting<any Producer>
    private let consumer: Reconnecting<any Consumer>
    private let hub = UpdateHub()
    private let keptResults: Int
    private let replies: Replies
    private let forgotten = Locked(OutageLog())
    private let unreadable = Locked(OutageLog())
    private let receiver = Locked<Task<Void, Never>?>(nil)

    init(_ context: ResultStoreContext, isPersistent: Bool, keptResults: Int = RPCResultStore.keptResults) {
        self.context = context
        self.keptResults = keptResults
        replies = Replies(limit: keptResults, abandoned: Self.rememberedTasks)
        deliveryMode = isPersistent ? 2 : 1
        producer = Reconnecting { try await context.broker.makeProducer(logger: context.logger) }
        consumer = Reconnecting {
            // Bound to nothing: the default exchange finds it by its name.
            let queue = Queue(
                context.replyTo, exchange: "", isDurable: true, expires: Self.queueExpires)
            return try await context.broker.makeConsumer(
                ConsumerConfiguration(
                    queues: [queue], prefetch: 0, isAutoAcknowledging: true, deletesQueues: true, name: "celery-rpc"),
                logger: context.logger)
        }
    }

    func prepare() async throws {
        _ = try await consumer.get()
        receiver.withLock { receiver in
            guard receiver == nil else { return }
            // Runs as long as the store is open, beside whichever call was the first.
            receiver = Task { await self.receive() }
        }
    }

    private func receive() async {
        do {
            try await retrying(Self.reconnecting) { error in
                !(error is CancellationError) && (error as? TransportError)?.code != .closed
            } willRetry: { [logger = context.logger] error, delay in
                logger.warning(
                    "waiting for results again",
                    metadata: ["error": "\(error)", "delay": "\(ReadableDuration(delay))"])
            } _: { schedule in
                let (consumer, generation) = try await consumer.get()
                let begin = ContinuousClock.now
                let hasReceived = Atomic(false)
                do {
                    try await consumer.receive {
                        Self.largestBatch
                    } _: { deliveries in
                        hasReceived.store(true, ordering: .relaxed)
                        for delivery in deliveries { self.take(delivery) }
                    }
                } catch let error as TransportError {
                    // Not when cancelled: the connection is fine, and has to be closed.
                    self.consumer.report(broken: generation)
                    if hasReceived.load(ordering: .relaxed) { schedule.reset() }
                    schedule.reset(afterLasting: .now - begin)
                    throw error
                }
            }
        } catch {
            context.logger.debug("no more results are received", metadata: ["error": "\(error)"])
        }
    }

    private func take(_ delivery: Delivery) {
        do {
            let message = try delivery.message.get()
            var result = try TaskResult(encoded: message.body)
            let id = message.properties.correlationID ?? result.id
            if result.id.isEmpty { result.id = id }
            logForgotten(replies.keep(result, id: id))
            hub.pass(.success(result), id: id)
        } catch {
            // Whoever knows the queue's name can send anything.
            guard let count = unreadable.withLock({ $0.failed() }) else { return }
            context.logger.warning(
                "ignored replies that are no results", metadata: ["error": "\(LogText(error))", "count": "\(count)"])
        }
    }

    /// Once, and then in growing intervals with how many there were: a full store forgets one for each that comes.
    private func logForgotten(_ count: Int) {
        guard count > 0, let all = forgotten.withLock({ $0.failed(count) }) else { return }
        context.logger.warning(
            "forgot results that nobody has asked for", metadata: ["count": "\(all)", "kept": "\(keptResults)"])
    }

    /// How many results are kept.
    var keptCount: Int { replies.count }

    func store(contentsOf results: [StoredResult]) async -> [Int: any Error] {
        let producer: any Producer
        let generation: Int
        do {
            (producer, generation) = try await self.producer.get()
        } catch {
            return Dictionary(uniqueKeysWithValues: results.indices.map { ($0, error) })
        }
        let failures: [Int: any Error]
        if results.count == 1 {
            failures = await send(Array(results.enumerated()), producer)
        } else {
            // One after the other for each task, because its states have an order; all tasks at once.
            let byTask = Dictionary(grouping: results.enumerated()) { $0.element.result.id }
            failures = await withTaskGroup(of: [Int: any Error].self) { group in
                for states in byTask.values { group.addTask { await self.send(states, producer) } }
                return await group.reduce(into: [:]) { all, failures in all.merge(failures) { first, _ in first } }
            }
        }
        if failures.values.contains(where: { ($0 as? TransportError)?.code == .connectionLost }) {
            self.producer.report(broken: generation)
        }
        return failures
    }

    /// Sends the states of one task; returns what went wrong, by their positions. After a state that cannot be sent at
    /// the moment those behind it are not tried: they would overtake it.
    private func send(
        _ states: [(offset: Int, element: StoredResult)], _ producer: any Producer
    ) async -> [Int: any Error] {
        var failures: [Int: any Error] = [:]
        var obstacle: (any Error)?
        for (position, stored) in states {
            // A sender that named no queue does not want to hear of it.
            guard let queue = stored.route.replyTo, !queue.isEmpty else { continue }
            if let obstacle {
                failures[position] = obstacle
                continue
            }
            let properties = MessageProperties(
                correlationID: stored.route.correlationID, deliveryMode: deliveryMode, priority: 0)
            let message = Message(properties: properties, body: stored.result.encoded())
            do {
                try await producer.publish(message, to: Destination(exchange: "", routingKey: queue))
            } catch {
                failures[position] = error
                if (error as? TransportError)?.isPassing(afterSuccess: true) ?? false { obstacle = error }
            }
        }
        return failures
    }

    func result(of id: String) async throws -> TaskResult? { try known(of: id) }

    func watch(_ id: String, _ watcher: ResultWatcher) async throws {
        // Before a connection is made for what cannot come.
        _ = try known(of: id)
        try await prepare()
        try hub.add(watcher, id: id) { try known(of: id) }
    }

    /// The state of a task that has come last.
    ///
    /// - Throws: ``TransportError`` when none will ever come: whoever waited for it would wait for ever.
    private func known(of id: String) throws -> TaskResult? {
        switch replies[id] {
        case .result(let result): return result
        case .awaited: return nil
        case .unknown:
            throw TransportError(
                .unsupported,
                "no result of task \(id) can come: with rpc:// it goes to the client that has sent the task, once, and "
                    + "this one has not sent it, or has read it before")
        }
    }

    func claim(_ id: String) {
        replies.remove(id)
    }

    func addInterest(in id: String, isSent: Bool) { replies.addInterest(in: id, isSent: isSent) }

    func endInterest(in id: String) { logForgotten(replies.endInterest(in: id)) }

    func forget(_ id: String) async throws {
        claim(id)
    }

    func close() async {
        let receiver = receiver.withLock { $0 }
        receiver?.cancel()
        await receiver?.value
        await consumer.close()?.close()
        await producer.close()?.close()
        hub.fail(TransportError(.closed, "the result backend was closed"))
    }
}
