internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// What a consumer's connection does: one channel with a consumer for each queue, and one on which these are declared.
struct ConsumerMachine: ~Copyable, ConnectionMachine {
    static let channel: UInt16 = 1

    enum Phase: Equatable {
        case opening, consuming, stopped, closing
        /// The server gives to others what was not settled.
        case ended
    }

    var link = LinkState.none
    let configuration: ConsumerConfiguration
    private(set) var phase = Phase.opening
    private var limit: PrefetchLimit
    private var settlements: Settlements
    private var consumers: ChannelConsumers
    private var pace = ReadPace()
    private var closingDeadline: ContinuousClock.Instant?
    /// Who waits for the opening; told with the last consumer, or of the end.
    private var opening: UInt64?

    /// - Parameter acknowledged: what the consumers before this one have acknowledged, perhaps without being heard.
    init(_ configuration: ConsumerConfiguration, acknowledged: AcknowledgedMessages) {
        self.configuration = configuration
        limit = PrefetchLimit(configuration.prefetch, queueCount: configuration.queues.count)
        settlements = Settlements(isAutomatic: configuration.isAutoAcknowledging, former: acknowledged)
        consumers = ChannelConsumers(configuration)
    }

    // MARK: Opening

    /// Declares the queues and begins to consume. The token is completed when the server has agreed to all of it.
    mutating func open(
        _ link: AMQPLink, isLimitGlobal: Bool, token: UInt64, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        self.link = LinkState(link, now: now)
        limit.begin(isGlobal: isLimitGlobal)
        opening = token
        do throws(TransportError) {
            try writeOpening(now: now)
            return []
        } catch {
            return end(error)
        }
    }

    private mutating func writeOpening(now: ContinuousClock.Instant) throws(TransportError) {
        link.output.channelOpen(Self.channel)
        link.expect([.channelOpenOK], channel: Self.channel, now: now)
        if limit.isSaid { writeLimit(nil, now: now) }
        try consumers.declare(&link, now: now)
    }

    /// A queue is there. With the last one all are consumed; later each one by itself.
    private mutating func queueDeclared(now: ContinuousClock.Instant) throws(TransportError) -> [ConnectionAction] {
        guard let (index, lines) = try consumers.declared(&link, now: now) else { return [] }
        switch phase {
        case .opening where consumers.isDeclared:
            let tags = try consumers.begin(&link, opening.map { .caller($0) }, now: now)
            opening = nil
            // Before the first message, which may come together with the answer.
            if !settlements.isAutomatic { limit.begin(tags, now: now) }
        case .consuming: limit.begin(try consumers.beginAgain(index, &link, now: now))
        case .opening, .stopped, .closing, .ended: break
        }
        return lines
    }

    /// Tells the server the limit; `asker` hears of its answer.
    private mutating func writeLimit(_ asker: ReplyQueue.Asker?, now: ContinuousClock.Instant) {
        link.output.qos(prefetch: limit.count, isGlobal: limit.isGlobal, channel: Self.channel)
        link.expect([.basicQosOK], channel: Self.channel, asker, now: now)
    }

    // MARK: Ending

    /// Ends the consumers. What was received stays with its receiver.
    mutating func stop(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase == .consuming else { return [.complete(token, nil)] }
        phase = .stopped
        if consumers.isEmpty { return [.complete(token, nil)] }
        do throws(TransportError) {
            try consumers.cancel(&link, .caller(token), now: now)
            return []
        } catch {
            return [.complete(token, error)]
        }
    }

    /// Tells the server what was settled and says goodbye; it gives all that is not settled to other consumers.
    mutating func close(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase != .ended, phase != .closing else { return [.complete(token, nil)] }
        settlements.tellAll(&link.output)
        phase = .closing
        closingDeadline = now + link.closing.consumerGoodbye
        do throws(TransportError) {
            if configuration.deletesQueues { try consumers.deleteQueues(&link) }
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
        if let opening { actions.append(.complete(opening, error)) }
        return remember() + actions
    }

    /// The server may deliver again what was acknowledged.
    private mutating func remember() -> [ConnectionAction] {
        let forgotten = settlements.isUnheard()
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
        guard !settlements.isAutomatic else { return [] }
        switch settlement {
        case .acknowledge:
            settlements.acknowledge(tag, remembering: limit.mostUnheard)
            limit.settle(tag)
            // The server gives it to others. If it comes back here it has been seen to.
            if phase == .ended { return remember() }
            settlements.tell(&link.output, now: now)
        case .requeue, .giveBack: reject(tag, requeue: true)
        case .discard, .deadLetter: reject(tag, requeue: false)
        }
        return adjustConsumers(now: now)
    }

    private mutating func reject(_ tag: UInt64, requeue: Bool) {
        guard settlements.reject(tag), phase != .ended else { return }
        settlements.tellRejection(tag, requeue: requeue, &link.output)
        limit.settle(tag)
    }

    /// Gives back what nobody has received.
    mutating func giveBack(_ deliveries: [Delivery], now: ContinuousClock.Instant) -> [ConnectionAction] {
        deliveries.flatMap { settle($0.tag.value, .requeue, now: now) }
    }

    /// Completes the token when the server has heard of all that was settled so far: it carries out what comes on a
    /// channel one after the other.
    mutating func flush(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase == .consuming || phase == .stopped else { return [.complete(token, nil)] }
        settlements.tellAll(&link.output)
        writeLimit(.caller(token), now: now)
        return []
    }

    /// Whether the message is still this consumer's. One that has come again while its first run was going on, and was
    /// acknowledged meanwhile, is done with.
    mutating func holds(_ tag: UInt64, now: ContinuousClock.Instant) -> Bool {
        guard phase != .ended, settlements.holds(tag) else { return false }
        guard settlements.isDone(tag) else { return true }
        _ = settle(tag, .acknowledge, now: now)
        return false
    }

    // MARK: How much may be held

    /// So many more messages than the prefetch count may be held.
    mutating func adjustPrefetch(extra: Int, now: ContinuousClock.Instant) -> [ConnectionAction] {
        let mayChange = phase == .consuming && !consumers.isEmpty
        guard limit.adjust(extra: extra, isConsuming: mayChange) else { return adjustConsumers(now: now) }
        writeLimit(nil, now: now)
        return []
    }

    /// Consumes anew where limits are for each consumer and do not fit any more.
    private mutating func adjustConsumers(now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard mayAdjust, let count = limit.renewal(heldInAll: settlements.heldCount, now: now) else { return [] }
        do throws(TransportError) {
            limit.renew(try consumers.renew(limit: count, &link, now: now), limit: count, now: now)
            return [.log(.debug, "consuming anew, because of messages that wait", ["prefetch": "\(count)"])]
        } catch {
            return end(error)
        }
    }

    private var mayAdjust: Bool {
        phase == .consuming && limit.isOfConsumers && consumers.isComplete && !link.isAnswerDue(on: Self.channel)
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
        guard let lost = consumers.end(tag, now: now) else { return [] }
        settlements.tellAll(&link.output)
        var actions = remember()
        // Where the queue is gone nobody hears of this but the channel, which stops to count them.
        for held in settlements.held(by: lost.consumer) { reject(held, requeue: true) }
        limit.end(tag)
        if phase == .consuming, let line = consumers.note(endIn: lost.queue, now: now) { actions.append(line) }
        return actions
    }

    // MARK: Time

    mutating func advance(to now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard phase != .ended else { return [] }
        do throws(TransportError) {
            if let closingDeadline, closingDeadline <= now {
                throw TransportError(.connectionLost, "the server did not answer while closing")
            }
            settlements.advance(to: now, &link.output)
            pace.advance(to: now)
            try link.advance(to: now)
            if phase == .consuming { try consumers.declareAgain(&link, now: now) }
            return adjustConsumers(now: now)
        } catch {
            return end(error)
        }
    }

    var deadline: ContinuousClock.Instant? {
        guard phase != .ended else { return nil }
        var earliest = link.deadline
        for other in [closingDeadline, settlements.due, pace.due] {
            if let other { earliest = min(earliest ?? other, other) }
        }
        if phase == .consuming, let other = consumers.due { earliest = min(earliest ?? other, other) }
        if mayAdjust, let other = limit.dueTime(heldInAll: settlements.heldCount) {
            earliest = min(earliest ?? other, other)
        }
        return earliest
    }

    var isQuiet: Bool { true }

    var isReading: Bool { pace.due == nil }

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
            if settlements.isAutomatic, !deliveries.isEmpty { actions.append(.deliver(deliveries)) }
            return actions + end(error)
        }
    }

    private mutating func finishRead(_ deliveries: [Delivery], now: ContinuousClock.Instant) {
        guard !deliveries.isEmpty else { return }
        if settlements.isAutomatic { return settlements.acknowledgeAll(deliveries, &link.output, now: now) }
        let isStreaming = pace.hasRead(deliveries.count, now: now)
        settlements.hasRead(deliveries.count, isStreaming: isStreaming, now: now)
    }

    private mutating func handle(
        _ event: ServerEvent, _ actions: inout [ConnectionAction], _ deliveries: inout [Delivery],
        now: ContinuousClock.Instant
    ) throws(TransportError) {
        switch try link.accept(event, now: now) {
        case .caller(let token):
            if phase == .opening { phase = .consuming }
            // With its goodbye the server says that it has heard of everything.
            if phase == .closing { settlements.isHeard() }
            actions.append(.complete(token, nil))
        case .declaration: actions += try queueDeclared(now: now)
        case .publishChannel, nil: break
        }
        switch event {
        case .delivery(let incoming):
            if let delivery = try take(incoming, &actions, now: now) { deliveries.append(delivery) }
        case .consumerCancelled(let tag):
            actions += try consumerEnded(tag, now: now)
        case .channelClosed(let fault, QueueDeclarations.channel):
            let subject = consumers.subject
            guard let fault = try consumers.refused(fault, &link, now: now) else { return }
            if phase == .opening { throw TransportError(fault, openingOf: subject) }
            actions += try consumers.postpone(because: fault, &link, now: now)
        case .channelClosed(let fault, let channel):
            let subject = link.nextSubject(on: channel)
            link.output.method(.channelCloseOK, channel: channel)
            // Later all that is held is lost with the channel, and a new connection is as good as a new channel.
            throw phase == .opening ? TransportError(fault, openingOf: subject) : Self.lost(fault)
        case .connectionClosed(let fault):
            if phase == .opening {
                throw TransportError(fault, openingOf: consumers.subject ?? link.nextSubject(on: Self.channel))
            }
            throw TransportError(.connectionLost, "RabbitMQ closed the connection: \(fault.text)")
        case .confirmation, .returned, .flow, .blocked, .unblocked, .reply, .heartbeat: break
        }
    }

    private static func lost(_ fault: ServerFault) -> TransportError {
        TransportError(.connectionLost, "RabbitMQ closed the channel: \(fault.text)")
    }

    /// A delivery for the receiver, unless it has been seen to over a former connection.
    private mutating func take(
        _ incoming: IncomingDelivery, _ actions: inout [ConnectionAction], now: ContinuousClock.Instant
    ) throws(TransportError) -> Delivery? {
        limit.deliver(incoming.tag, by: incoming.consumerTag)
        let origin = consumers[incoming.consumerTag]
        let queue = origin?.queue ?? ""
        switch settlements.deliver(incoming, consumer: origin?.consumer ?? 0) {
        case .held: break
        case .isOutOfOrder:
            throw TransportError(.connectionLost, "RabbitMQ delivered message \(incoming.tag) out of order")
        case .isDone:
            _ = settle(incoming.tag, .acknowledge, now: now)
            actions.append(
                .log(
                    .info, "a message that was acknowledged before the connection was lost has come again",
                    ["queue": "\(queue)"]))
            return nil
        }
        return Delivery(
            tag: DeliveryTag(incoming.tag), queue: queue, message: incoming.message, raw: incoming.body)
    }
}
