internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// What a consumer's connection does: one channel with a consumer for each queue.
struct ConsumerMachine: ~Copyable, ConnectionMachine {
    static let channel: UInt16 = 1
    /// So many messages in one read are a stream. Then the next ones may gather for a moment: the server writes them in
    /// small pieces, and a wake-up for each piece costs more than short tasks do.
    private static let streamingCount = 4
    private static let streamingPause = Duration.milliseconds(1)
    /// How long an acknowledgement waits for others while messages stream in: one method and one write for each would
    /// cost more than short tasks do, here and in the server.
    private static let acknowledgementDelay = Duration.milliseconds(1)
    /// What is acknowledged here, not by its receiver, waits longer: no prefetch count keeps the server from sending more.
    private static let (ownBatch, ownDelay) = (256, Duration.milliseconds(50))
    /// How long the server may take to hear of the last settlements and to say goodbye.
    private static let goodbyeTimeout = Duration.seconds(5)
    /// So many messages are remembered when they are acknowledged, at least, and where no prefetch count limits them.
    private static let (leastRemembered, mostRemembered) = (1024, 65_536)

    enum Phase: Equatable {
        case opening, consuming, stopped, closing
        /// The server gives to others what was not settled.
        case ended
    }

    var link = LinkState.none
    let configuration: ConsumerConfiguration
    private let acknowledged: AcknowledgedMessages
    private(set) var phase = Phase.opening
    /// Whether one prefetch limit holds for the whole channel and can be changed while consuming.
    private(set) var isLimitGlobal = false
    private var prefetch: UInt16 = 0
    private var largestPrefetch = 0
    private var acks = AckBatcher()
    private var served: ServedQueues
    /// What the log has said of consumers that the server has ended.
    private var ended = OutageLog()
    /// `nil` where the limit is for the channel, or where there is none.
    private var limits: ConsumerLimits?
    /// So many acknowledgements do not wait for others.
    private var batch = 1
    /// When the acknowledgements that wait are sent at the latest.
    private var acknowledgementsDue: ContinuousClock.Instant?
    /// When the socket is looked at again; `nil` for at once.
    private var nextRead: ContinuousClock.Instant?
    private var closingDeadline: ContinuousClock.Instant?

    /// - Parameter acknowledged: what the consumers before this one have acknowledged, perhaps without being heard.
    init(_ configuration: ConsumerConfiguration, acknowledged: AcknowledgedMessages) {
        self.configuration = configuration
        self.acknowledged = acknowledged
        served = ServedQueues(name: configuration.name, count: configuration.queues.count)
    }

    private var isAutoAcknowledging: Bool { configuration.isAutoAcknowledging }

    // MARK: Opening

    /// Declares the queues and begins to consume. The token is completed when the server has agreed to all of it.
    mutating func open(
        _ link: AMQPLink, isLimitGlobal: Bool, token: UInt64, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        self.link = LinkState(link, now: now)
        self.isLimitGlobal = isLimitGlobal
        prefetch = PrefetchRule.count(configuration.prefetch, extra: 0)
        largestPrefetch = Int(prefetch)
        do throws(TransportError) {
            try writeOpening(token, now: now)
            return []
        } catch {
            return end(error) + [.complete(token, error)]
        }
    }

    /// All of it at once; the server answers in order, and says nothing more after what it refuses.
    private mutating func writeOpening(_ token: UInt64, now: ContinuousClock.Instant) throws(TransportError) {
        link.output.channelOpen(Self.channel)
        link.expect([.channelOpenOK], channel: Self.channel, now: now)
        if prefetch > 0 || isLimitGlobal {
            link.output.qos(prefetch: prefetch, isGlobal: isLimitGlobal, channel: Self.channel)
            link.expect([.basicQosOK], channel: Self.channel, now: now)
        }
        for queue in configuration.queues {
            let expected = try link.output.declare(queue, channel: Self.channel)
            link.expect(expected, channel: Self.channel, subject: queue.name, now: now)
        }
        let tags = served.beginAll(now: now)
        // Before the first message, which may come together with the answer.
        if prefetch > 0, !isLimitGlobal, !isAutoAcknowledging {
            limits = ConsumerLimits(prefetch: Int(prefetch))
            limits?.begin(tags, limit: Int(prefetch), now: now)
        }
        for (index, (queue, tag)) in zip(configuration.queues, tags).enumerated() {
            try link.output.consume(queue: queue.name, tag: tag, channel: Self.channel)
            let isLast = index == configuration.queues.count - 1
            link.expect(
                [.basicConsumeOK], channel: Self.channel, isLast ? .caller(token) : nil, subject: queue.name, now: now)
        }
    }

    // MARK: Ending

    /// Ends the consumers. What was received stays with its receiver.
    mutating func stop(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase == .consuming else { return [.complete(token, nil)] }
        phase = .stopped
        if served.isEmpty { return [.complete(token, nil)] }
        let tags = served.tags
        do throws(TransportError) {
            for tag in tags { try link.output.cancel(tag: tag, channel: Self.channel) }
        } catch {
            return [.complete(token, error)]
        }
        link.expect(
            Array(repeating: .basicCancelOK, count: tags.count), channel: Self.channel, .caller(token), now: now)
        return []
    }

    /// Tells the server what was settled and says goodbye; it gives all that is not settled to other consumers.
    mutating func close(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase != .ended, phase != .closing else { return [.complete(token, nil)] }
        writeAcknowledgements()
        phase = .closing
        closingDeadline = now + Self.goodbyeTimeout
        do throws(TransportError) {
            if configuration.deletesQueues {
                for queue in configuration.queues { try link.output.delete(queue: queue.name, channel: Self.channel) }
            }
            try link.output.connectionClose()
        } catch {
            return [.complete(token, error)]
        }
        link.expect([.connectionCloseOK], channel: 0, .caller(token), now: now)
        return []
    }

    mutating func end(_ error: TransportError) -> [ConnectionAction] {
        guard phase != .ended else { return [] }
        phase = .ended
        closingDeadline = nil
        let askers = link.takeAskers()
        var actions: [ConnectionAction] = [.ended(error)]
        for case .caller(let token) in askers { actions.append(.complete(token, error)) }
        return remember(acks.takeRecent()) + actions
    }

    /// The server may deliver these again.
    private func remember(_ identities: some Sequence<MessageIdentity>) -> [ConnectionAction] {
        let forgotten = acknowledged.insert(identities)
        guard forgotten > 0 else { return [] }
        return [
            .log(
                .warning, "of messages whose acknowledgement was perhaps not heard the oldest are forgotten",
                ["count": "\(forgotten)"])
        ]
    }

    mutating func cancel(_ token: UInt64) {}

    var refusal: TransportError? { nil }

    // MARK: Settling

    /// Tells the server what became of a message; at once, unless acknowledgements gather.
    mutating func settle(_ tag: UInt64, _ settlement: Settlement, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard !isAutoAcknowledging else { return [] }
        switch settlement {
        case .acknowledge:
            acks.acknowledge(tag, remembering: rememberedCount)
            limits?.settle(tag)
            // The server gives it to others. If it comes back here it has been seen to.
            if phase == .ended { return remember(acks.takeRecent()) }
            if acks.waitingCount >= batch {
                writeAcknowledgements()
            } else if acknowledgementsDue == nil {
                acknowledgementsDue = now + Self.acknowledgementDelay
            }
        case .requeue, .giveBack: reject(tag, requeue: true)
        case .discard, .deadLetter: reject(tag, requeue: false)
        }
        return limits == nil ? [] : adjustConsumers(now: now)
    }

    private mutating func reject(_ tag: UInt64, requeue: Bool) {
        guard acks.reject(tag), phase != .ended else { return }
        link.output.reject(tag, requeue: requeue, channel: Self.channel)
        limits?.settle(tag)
        // What waits goes with it.
        writeAcknowledgements()
    }

    private mutating func writeAcknowledgements() {
        acknowledgementsDue = nil
        guard acks.waitingCount > 0 else { return }
        for ack in acks.takeAcknowledgements() {
            link.output.acknowledge(ack.tag, multiple: ack.multiple, channel: Self.channel)
        }
    }

    /// Of how many acknowledgements the server may not have heard: it sends no more than the prefetch count before.
    private var rememberedCount: Int {
        if largestPrefetch == 0 { return Self.mostRemembered }
        return min(Self.mostRemembered, max(Self.leastRemembered, 2 * largestPrefetch * configuration.queues.count))
    }

    /// Gives back what nobody has received.
    mutating func giveBack(_ deliveries: [Delivery], now: ContinuousClock.Instant) -> [ConnectionAction] {
        deliveries.flatMap { settle($0.tag.value, .requeue, now: now) }
    }

    /// Completes the token when the server has heard of all that was settled so far: it carries out what comes on a
    /// channel one after the other.
    mutating func flush(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase == .consuming || phase == .stopped else { return [.complete(token, nil)] }
        writeAcknowledgements()
        link.output.qos(prefetch: prefetch, isGlobal: isLimitGlobal, channel: Self.channel)
        link.expect([.basicQosOK], channel: Self.channel, .caller(token), now: now)
        return []
    }

    /// Whether the message is still this consumer's. One that has come again while its first run was going on, and was
    /// acknowledged meanwhile, is done with.
    mutating func holds(_ tag: UInt64, now: ContinuousClock.Instant) -> Bool {
        guard phase != .ended, acks.holds(tag) else { return false }
        guard acknowledged.count > 0, let identity = acks.redelivered(tag), acknowledged.remove(identity) else {
            return true
        }
        _ = settle(tag, .acknowledge, now: now)
        return false
    }

    // MARK: How much may be held

    /// So many more messages than the prefetch count may be held.
    mutating func adjustPrefetch(extra: Int, now: ContinuousClock.Instant) -> [ConnectionAction] {
        limits?.extra = max(0, extra)
        guard phase == .consuming, isLimitGlobal, !served.isEmpty else { return adjustConsumers(now: now) }
        let count = PrefetchRule.count(configuration.prefetch, extra: extra)
        guard count != prefetch else { return [] }
        prefetch = count
        largestPrefetch = max(largestPrefetch, Int(count))
        link.output.qos(prefetch: count, isGlobal: true, channel: Self.channel)
        link.expect([.basicQosOK], channel: Self.channel, now: now)
        return []
    }

    /// Consumes anew where limits are for each consumer and do not fit any more.
    private mutating func adjustConsumers(now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard mayAdjust, let limit = limits?.renewal(heldInAll: acks.heldCount, now: now) else { return [] }
        do throws(TransportError) {
            return [try renewConsumers(limit: limit, now: now)]
        } catch {
            return end(error)
        }
    }

    /// Puts new consumers in the place of those that are there. What these have delivered stays as it is.
    private mutating func renewConsumers(
        limit: Int, now: ContinuousClock.Instant
    ) throws(TransportError) -> ConnectionAction {
        let limit = UInt16(clamping: limit)
        largestPrefetch = max(largestPrefetch, Int(limit))
        prefetch = limit
        let tags = served.beginAll(now: now)
        link.output.qos(prefetch: limit, isGlobal: false, channel: Self.channel)
        var expected = [MethodID.basicQosOK]
        // The new ones first: a queue may go away with its last consumer.
        for (queue, tag) in zip(configuration.queues, tags) {
            try link.output.consume(queue: queue.name, tag: tag, channel: Self.channel)
            expected.append(.basicConsumeOK)
        }
        for tag in served.formerTags {
            try link.output.cancel(tag: tag, channel: Self.channel)
            expected.append(.basicCancelOK)
        }
        limits?.begin(tags, limit: Int(limit), now: now)
        link.expect(expected, channel: Self.channel, now: now)
        return .log(.debug, "consuming anew, because of messages that wait", ["prefetch": "\(limit)"])
    }

    private var mayAdjust: Bool {
        phase == .consuming && limits != nil && served.isComplete && !link.isAnswerDue(on: Self.channel)
    }

    // MARK: Consumers that the server ends

    /// The server has ended a consumer: its queue was deleted, or is elsewhere now. What it has delivered is others' as
    /// after the loss of a connection; the other queues go on.
    private mutating func consumerEnded(
        _ tag: String, now: ContinuousClock.Instant
    ) throws(TransportError) -> [ConnectionAction] {
        guard phase != .opening else {
            throw TransportError(.connectionLost, "RabbitMQ ended a consumer at once; was its queue deleted?")
        }
        guard let lost = served.end(tag, now: now) else { return [] }
        writeAcknowledgements()
        var actions = remember(acks.takeRecent())
        // Where the queue is gone nobody hears of this but the channel, which stops to count them.
        for held in acks.held(by: lost.consumer) { reject(held, requeue: true) }
        limits?.end(tag)
        let name = configuration.queues[lost.queue].name
        if phase == .consuming, let count = ended.failed(because: name, at: now) {
            actions.append(
                .log(
                    .warning, "RabbitMQ ended the consumer of a queue, which is declared and consumed anew",
                    ["queue": "\(name)", "count": "\(count)"]))
        }
        return actions
    }

    /// Declares and consumes queues whose consumers were ended, when it is time.
    private mutating func consumeAgain(now: ContinuousClock.Instant) throws(TransportError) {
        guard phase == .consuming else { return }
        for index in served.due(at: now) {
            let queue = configuration.queues[index]
            let tag = served.beginAgain(index, now: now)
            var expected = try link.output.declare(queue, channel: Self.channel)
            try link.output.consume(queue: queue.name, tag: tag, channel: Self.channel)
            expected.append(.basicConsumeOK)
            limits?.begin(tag)
            link.expect(expected, channel: Self.channel, subject: queue.name, now: now)
        }
    }

    // MARK: Time

    mutating func advance(to now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase != .ended else { return [] }
        do throws(TransportError) {
            if let closingDeadline, closingDeadline <= now {
                throw TransportError(.connectionLost, "the server did not answer while closing")
            }
            if let due = acknowledgementsDue, due <= now { writeAcknowledgements() }
            if let next = nextRead, next <= now { nextRead = nil }
            try link.advance(to: now)
            try consumeAgain(now: now)
            return adjustConsumers(now: now)
        } catch {
            return end(error)
        }
    }

    var deadline: ContinuousClock.Instant? {
        guard phase != .ended else { return nil }
        var earliest = link.deadline
        for other in [closingDeadline, acknowledgementsDue, nextRead] {
            if let other { earliest = min(earliest ?? other, other) }
        }
        if phase == .consuming, let other = served.due { earliest = min(earliest ?? other, other) }
        if mayAdjust, let other = limits?.dueTime(heldInAll: acks.heldCount) {
            earliest = min(earliest ?? other, other)
        }
        return earliest
    }

    var isQuiet: Bool { true }

    var isReading: Bool { nextRead == nil }

    // MARK: What comes

    mutating func receive(_ events: [ServerEvent], now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase != .ended else { return [] }
        var actions: [ConnectionAction] = []
        var deliveries: [Delivery] = []
        do throws(TransportError) {
            for event in events { try handle(event, &actions, &deliveries, now: now) }
            finishRead(deliveries, now: now)
            if !deliveries.isEmpty { actions.append(.deliver(deliveries)) }
            return actions
        } catch {
            // What the server takes for settled is for the receiver all the same.
            if isAutoAcknowledging, !deliveries.isEmpty { actions.append(.deliver(deliveries)) }
            return actions + end(error)
        }
    }

    private mutating func finishRead(_ deliveries: [Delivery], now: ContinuousClock.Instant) {
        guard !deliveries.isEmpty else { return }
        if isAutoAcknowledging { return acknowledgeAll(deliveries, now: now) }
        let isStreaming = deliveries.count >= Self.streamingCount
        batch = isStreaming ? deliveries.count / 2 : 1
        if isStreaming {
            nextRead = now + Self.streamingPause
            // The thread looks for them by itself and need not be told of the first.
            if acknowledgementsDue == nil { acknowledgementsDue = now + Self.acknowledgementDelay }
        }
    }

    /// They have arrived. Not before, as the server would have it without acknowledgements: what is on its way when the
    /// connection is lost would be lost with it.
    private mutating func acknowledgeAll(_ deliveries: [Delivery], now: ContinuousClock.Instant) {
        for delivery in deliveries { acks.acknowledge(delivery.tag.value) }
        if acks.waitingCount >= Self.ownBatch {
            writeAcknowledgements()
        } else if acknowledgementsDue == nil {
            acknowledgementsDue = now + Self.ownDelay
        }
    }

    private mutating func handle(
        _ event: ServerEvent, _ actions: inout [ConnectionAction], _ deliveries: inout [Delivery],
        now: ContinuousClock.Instant
    ) throws(TransportError) {
        if case .caller(let token) = try link.accept(event, now: now) {
            if phase == .opening { phase = .consuming }
            // With its goodbye the server says that it has heard of everything.
            if phase == .closing { _ = acks.takeRecent() }
            actions.append(.complete(token, nil))
        }
        switch event {
        case .delivery(let incoming):
            if let delivery = try take(incoming, &actions, now: now) { deliveries.append(delivery) }
        case .consumerCancelled(let tag):
            actions += try consumerEnded(tag, now: now)
        case .channelClosed(let fault, let channel):
            let subject = link.nextSubject(on: channel)
            link.output.method(.channelCloseOK, channel: channel)
            // Later all that is held is lost with the channel, and a new connection is as good as a new channel.
            guard phase == .opening else {
                throw TransportError(.connectionLost, "RabbitMQ closed the channel: \(fault.text)")
            }
            throw TransportError(fault, openingOf: subject)
        case .connectionClosed(let fault):
            if phase == .opening { throw TransportError(fault, openingOf: link.nextSubject(on: Self.channel)) }
            throw TransportError(.connectionLost, "RabbitMQ closed the connection: \(fault.text)")
        case .confirmation, .returned, .flow, .blocked, .unblocked, .reply, .heartbeat: break
        }
    }

    /// A delivery for the receiver, unless it has been seen to over a former connection.
    private mutating func take(
        _ incoming: IncomingDelivery, _ actions: inout [ConnectionAction], now: ContinuousClock.Instant
    ) throws(TransportError) -> Delivery? {
        limits?.deliver(incoming.tag, by: incoming.consumerTag)
        let served = served[incoming.consumerTag]
        let queue = served.map { configuration.queues[$0.queue].name } ?? ""
        if isAutoAcknowledging {
            guard acks.deliver(incoming.tag) else { throw outOfOrder(incoming.tag) }
        } else {
            var identity: MessageIdentity?
            var isRedelivered = false
            if case .success(let message) = incoming.message {
                identity = MessageIdentity(message)
                isRedelivered = message.properties.isRedelivered
            }
            guard
                acks.deliver(
                    incoming.tag, identity, isRedelivered: isRedelivered, consumer: served?.consumer ?? 0)
            else { throw outOfOrder(incoming.tag) }
            if isRedelivered, let identity, acknowledged.remove(identity) {
                _ = settle(incoming.tag, .acknowledge, now: now)
                actions.append(
                    .log(
                        .info, "a message that was acknowledged before the connection was lost has come again",
                        ["queue": "\(queue)"]))
                return nil
            }
        }
        return Delivery(
            tag: DeliveryTag(incoming.tag), queue: queue, message: incoming.message, raw: incoming.body)
    }

    private func outOfOrder(_ tag: UInt64) -> TransportError {
        TransportError(.connectionLost, "RabbitMQ delivered message \(tag) out of order")
    }
}
