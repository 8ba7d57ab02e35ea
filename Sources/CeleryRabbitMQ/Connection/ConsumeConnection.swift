internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// The connection of a consumer: one channel with a consumer for each queue.
actor ConsumeConnection: ConnectionActor {
    private static let channel: UInt16 = 1
    /// As many messages may lie in the mailbox, where no prefetch count limits them, before the next are left to the
    /// server.
    private static let mailboxLimit = 65_536
    /// So many messages in one read are a stream. Then the next ones may gather for a moment: the server writes them in
    /// small pieces, and a wake-up for each piece costs more than short tasks do.
    private static let streamingCount = 4
    private static let streamingPause = Duration.milliseconds(1)
    /// How long the server may take to hear of the last settlements and to say goodbye.
    private static let goodbyeTimeout = Duration.seconds(5)

    private nonisolated let thread: ConnectionThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let configuration: ConsumerConfiguration
    private let mailbox: DeliveryMailbox
    private let orders: ConsumerOrders
    private let logger: Logger
    private var link: AMQPLink?
    /// Why there is no link any more.
    private var ending: TransportError?
    private var rule: PrefetchRule?
    private var prefetch: UInt16 = 0
    private var acks = AckBatcher()
    /// The queue of each consumer tag.
    private var queues: [String: String] = [:]
    /// The queue of each consumer that was replaced last; some of its messages may still be on their way.
    private var formerQueues: [String: String] = [:]
    private var generation = 1
    /// `nil` where the limit is for the channel, or where there is none.
    private var limits: ConsumerLimits?
    /// When the socket is looked at again; `nil` for at once.
    private var nextRead: ContinuousClock.Instant?
    private var isStopped = false
    private var closingDeadline: ContinuousClock.Instant?

    init(
        _ configuration: ConsumerConfiguration,
        mailbox: DeliveryMailbox,
        orders: ConsumerOrders,
        logger: Logger
    ) throws(TransportError) {
        self.configuration = configuration
        self.mailbox = mailbox
        self.orders = orders
        self.logger = logger
        do throws(IOError) {
            thread = try ConnectionThread(name: "amqp-consume")
            try thread.start(driving: self)
        } catch {
            throw TransportError(.unreachable, error.description, underlyingError: error)
        }
    }

    isolated deinit {
        thread.stop()
    }

    /// Connects with `connect`, which may block, declares the queues and starts to consume.
    func open(_ connect: @Sendable () throws(TransportError) -> AMQPLink) async throws {
        let link = try connect()
        self.link = link
        let rule = PrefetchRule(serverVersion: link.agreement.serverVersion, queues: configuration.queues)
        self.rule = rule
        prefetch = PrefetchRule.count(configuration.prefetch, extra: 0)
        link.output.channelOpen(Self.channel)
        try await answer(.channelOpenOK)
        if prefetch > 0 || rule.isGlobal {
            link.output.qos(prefetch: prefetch, isGlobal: rule.isGlobal, channel: Self.channel)
            try await answer(.basicQosOK)
        }
        for queue in configuration.queues {
            let expected = try link.output.declare(queue, channel: Self.channel)
            do {
                try await answer(expected)
            } catch let error as TransportError where error.code == .rejected {
                throw TransportError(.rejected, "the queue \(queue.name) cannot be used as configured: \(error)")
            }
        }
        let tags = configuration.queues.indices.map { "\(configuration.name.prefix(100))-\($0 + 1)" }
        // Before the first message, which may come together with the answer.
        if prefetch > 0, !rule.isGlobal, !configuration.isAutoAcknowledging {
            limits = ConsumerLimits(prefetch: Int(prefetch))
            limits?.begin(tags, limit: Int(prefetch), now: .now)
        }
        for (queue, tag) in zip(configuration.queues, tags) {
            queues[tag] = queue.name
            try link.output.consume(
                queue: queue.name,
                tag: tag,
                isAutoAcknowledging: configuration.isAutoAcknowledging,
                channel: Self.channel
            )
            try await answer(.basicConsumeOK)
        }
    }

    private func answer(_ expected: MethodID..., channel: UInt16 = channel) async throws {
        try await answer(expected, channel: channel)
    }

    /// Waits for the answers to what was just written.
    private func answer(_ expected: [MethodID], channel: UInt16 = channel) async throws {
        guard let link else { throw ending ?? TransportError(.closed, "the consumer was closed") }
        try await withCheckedThrowingContinuation { link.expect(expected, channel: channel, $0) }
    }

    /// Ends the consumers and gives back what nobody has received. What was received stays with its receiver.
    func stop() async {
        guard !isStopped else { return }
        isStopped = true
        guard let link else { return }
        do {
            for tag in queues.keys.sorted() { try link.output.cancel(tag: tag, channel: Self.channel) }
            // Given back behind the cancellations, so that it does not come again, and before their answers: these are
            // not read while the mailbox is full.
            giveBack(mailbox.end(TransportError(.closed, "the consumer was stopped")))
            try await answer(Array(repeating: .basicCancelOK, count: queues.count))
        } catch {
            logger.debug("the consumer could not be cancelled", metadata: ["error": "\(error)"])
        }
    }

    private func giveBack(_ deliveries: [Delivery]) {
        guard !configuration.isAutoAcknowledging else { return }
        for delivery in deliveries { settle(delivery.tag.value, .requeue) }
    }

    /// Tells the server what was settled and says goodbye; it gives all that is not settled to other consumers.
    func close() async {
        isStopped = true
        mailbox.end(TransportError(.closed, "the consumer was closed"))
        guard let link, closingDeadline == nil else { return }
        closingDeadline = .now + Self.goodbyeTimeout
        carryOut(orders.takeAll())
        do {
            try link.output.connectionClose()
            try await answer(.connectionCloseOK, channel: 0)
        } catch {
            logger.debug("the connection was closed without a goodbye", metadata: ["error": "\(error)"])
        }
        fail(TransportError(.closed, "the consumer was closed"))
    }

    private func fail(_ error: TransportError) {
        guard let link else { return }
        self.link = nil
        ending = error
        closingDeadline = nil
        orders.end()
        // The server delivers all of it again, and nobody may see it twice because of us; unless it takes for settled
        // what it has sent.
        mailbox.end(error, keepsDeliveries: configuration.isAutoAcknowledging)
        link.failReplies(error)
    }

    // MARK: - Settling

    /// Has the orders carried out soon.
    nonisolated func nudge() { thread.nudge() }

    private func settle(_ tag: UInt64, _ settlement: Settlement) {
        guard let link, !configuration.isAutoAcknowledging else { return }
        switch settlement {
        case .acknowledge:
            acks.acknowledge(tag)
            limits?.settle(tag)
        case .requeue, .giveBack:
            reject(tag, requeue: true, link)
        case .discard, .deadLetter:
            reject(tag, requeue: false, link)
        }
    }

    private func reject(_ tag: UInt64, requeue: Bool, _ link: AMQPLink) {
        guard acks.reject(tag) else { return }
        link.output.reject(tag, requeue: requeue, channel: Self.channel)
        limits?.settle(tag)
    }

    /// Writes what was settled so far.
    func flush() {
        carryOut(orders.takeAll())
        write()
    }

    /// Writes what is buffered. Without success there is no link any more.
    private func write() {
        do throws(TransportError) {
            try link?.flush()
        } catch {
            fail(error)
        }
    }

    private func carryOut(_ orders: ConsumerOrders.Orders) {
        guard let link else { return }
        for (tag, settlement) in orders.settlements { settle(tag, settlement) }
        for ack in acks.takeAcknowledgements() {
            link.output.acknowledge(ack.tag, multiple: ack.multiple, channel: Self.channel)
        }
        guard !isStopped, closingDeadline == nil else { return }
        if let extra = orders.extraPrefetch { adjustPrefetch(extra: extra) }
    }

    private func adjustConsumers() {
        guard !isStopped, closingDeadline == nil else { return }
        if let limit = limits?.renewal(heldInAll: acks.heldCount, now: .now) { renewConsumers(limit: limit) }
    }

    private func adjustPrefetch(extra: Int) {
        limits?.extra = max(0, extra)
        guard let link, rule?.isGlobal == true, !queues.isEmpty else { return }
        let count = PrefetchRule.count(configuration.prefetch, extra: extra)
        guard count != prefetch else { return }
        prefetch = count
        link.output.qos(prefetch: count, isGlobal: true, channel: Self.channel)
        link.expect([.basicQosOK], channel: Self.channel)
    }

    /// Puts new consumers in the place of those that are there. What these have delivered stays as it is.
    private func renewConsumers(limit: Int) {
        guard let link, !queues.isEmpty, !link.isAnswerDue(on: Self.channel) else { return }
        let limit = UInt16(clamping: limit)
        generation += 1
        formerQueues = queues
        queues = [:]
        do throws(TransportError) {
            link.output.qos(prefetch: limit, isGlobal: false, channel: Self.channel)
            var expected = [MethodID.basicQosOK]
            // The new ones first: a queue may go away with its last consumer.
            for (index, queue) in configuration.queues.enumerated() {
                let tag = "\(configuration.name.prefix(100))-\(index + 1)-\(generation)"
                queues[tag] = queue.name
                try link.output.consume(
                    queue: queue.name, tag: tag, isAutoAcknowledging: false, channel: Self.channel)
                expected.append(.basicConsumeOK)
            }
            for tag in formerQueues.keys.sorted() {
                try link.output.cancel(tag: tag, channel: Self.channel)
                expected.append(.basicCancelOK)
            }
            limits?.begin(Array(queues.keys), limit: Int(limit), now: .now)
            logger.debug("consuming anew, because of messages that wait", metadata: ["prefetch": "\(limit)"])
            link.expect(expected, channel: Self.channel)
        } catch {
            fail(error)
        }
    }

    // MARK: - On the thread

    func willWait() -> PollRequest {
        if let due = orders.take(by: .now) { carryOut(due) }
        adjustConsumers()
        write()
        guard let link else { return .nothing }
        let mayAdjust = !isStopped && !link.isAnswerDue(on: Self.channel)
        let adjusting = mayAdjust ? limits?.dueTime(heldInAll: acks.heldCount) : nil
        if let next = nextRead, next <= .now { nextRead = nil }
        return link.pollRequest(
            until: [closingDeadline, orders.due, adjusting, nextRead].compactMap { $0 }.min(),
            isReading: nextRead == nil && mailbox.hasRoom(below: Self.mailboxLimit)
        )
    }

    func didWake(isReadable: Bool, isWritable: Bool) {
        guard let link else { return }
        if let closingDeadline, closingDeadline <= .now {
            return fail(TransportError(.connectionLost, "the server did not answer while closing"))
        }
        guard isReadable else { return }
        var deliveries: [Delivery] = []
        do throws(TransportError) {
            for event in try link.receive() { try handle(event, deliveries: &deliveries) }
            let isStreaming = deliveries.count >= Self.streamingCount && !configuration.isAutoAcknowledging
            if isStreaming { nextRead = .now + Self.streamingPause }
            if !deliveries.isEmpty { orders.gatherAcknowledgements(upTo: isStreaming ? deliveries.count / 2 : 1) }
            if !mailbox.put(deliveries) { giveBack(deliveries) }
        } catch {
            if configuration.isAutoAcknowledging { _ = mailbox.put(deliveries) }
            fail(error)
        }
    }

    private func handle(_ event: ServerEvent, deliveries: inout [Delivery]) throws(TransportError) {
        switch event {
        case .delivery(let incoming):
            if !configuration.isAutoAcknowledging, !acks.deliver(incoming.tag) {
                throw TransportError(.connectionLost, "RabbitMQ delivered message \(incoming.tag) out of order")
            }
            limits?.deliver(incoming.tag, by: incoming.consumerTag)
            deliveries.append(
                Delivery(
                    tag: DeliveryTag(incoming.tag),
                    queue: queues[incoming.consumerTag] ?? formerQueues[incoming.consumerTag] ?? "",
                    message: incoming.message,
                    raw: incoming.body
                )
            )
        case .consumerCancelled(let tag):
            let queue = queues[tag] ?? formerQueues[tag] ?? tag
            throw TransportError(.connectionLost, "RabbitMQ ended the consumer of \(queue); was the queue deleted?")
        case .channelClosed(let fault, let channel):
            link?.output.method(.channelCloseOK, channel: channel)
            // While opening this is the answer to a question; later everything that is held is lost with the channel.
            link?.failReplies(TransportError(fault), channel: channel)
            throw TransportError(.connectionLost, "RabbitMQ closed the channel: \(fault.text)")
        case .connectionClosed(let fault):
            link?.output.method(.connectionCloseOK, channel: 0)
            try link?.flush()
            throw TransportError(.connectionLost, "RabbitMQ closed the connection: \(fault.text)")
        case .confirmation, .returned, .flow, .blocked, .unblocked, .reply, .heartbeat:
            break
        }
    }
}
