internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import DequeModule
internal import Logging

/// What a producer's connection does: publishes with confirms on one channel, declares queues on a second one, so that
/// a declaration which the server refuses closes nothing but that second channel.
struct PublisherMachine: ~Copyable, ConnectionMachine {
    static let publishChannel: UInt16 = 1
    /// Publishes under way at most; more wait for their turn here.
    private static let unconfirmedLimit = 10_000

    var link = LinkState.none
    /// How long a confirmation may take. A quorum queue without a majority confirms nothing.
    private let confirmTimeout: Duration
    private(set) var refusal: TransportError?
    private var hasEnded = false
    private var opening: UInt64?
    var isPublishChannelOpen = false
    /// The publishes whose callers wait.
    private var open: [UInt64: PendingPublish] = [:]
    var unconfirmed = ConfirmTracker<PendingPublish>()
    var risk: PublishRisk
    /// Whether one is under way that has to be alone.
    private var isRiskUnderWay = false
    /// Those that may be written as soon as the server takes them; some of them may have ended.
    var waiting: Deque<PendingPublish> = []
    private var endedWaiting = 0

    var queues = AwaitedQueues()
    var declarations = QueueDeclarations()

    /// What the log has said of messages that came back.
    var returns = OutageLog()

    private var closing: UInt64?
    private var isSayingGoodbye = false
    private var closingDeadline: ContinuousClock.Instant?

    /// - Parameters:
    ///   - suspects: what the producers before this one had under way when something went wrong.
    ///   - confirmTimeout: how long a confirmation may take.
    init(suspects: SuspectMessages, confirmTimeout: Duration) {
        risk = PublishRisk(suspects)
        self.confirmTimeout = confirmTimeout
    }

    // MARK: Opening

    /// Opens the channel for publishing; the token is completed when that is done.
    mutating func open(_ link: AMQPLink, token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        self.link = LinkState(link, now: now)
        opening = token
        openPublishChannel(now: now)
        return []
    }

    mutating func openPublishChannel(now: ContinuousClock.Instant) {
        link.output.channelOpen(Self.publishChannel)
        link.output.confirmSelect(Self.publishChannel)
        link.expect([.channelOpenOK, .confirmSelectOK], channel: Self.publishChannel, .publishChannel, now: now)
    }

    // MARK: Publishing

    /// Publishes; the token is completed when the server has taken the message, or with the reason why not.
    mutating func publish(
        _ message: Message, to destination: Destination, token: UInt64, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        if let error = refusal ?? risk.refusal(of: message) { return [.complete(token, error)] }
        let publish = PendingPublish(token: token, message: message, destination: destination)
        open[token] = publish
        return declareAndSend(publish, now: now)
    }

    mutating func declareAndSend(_ publish: PendingPublish, now: ContinuousClock.Instant) -> [ConnectionAction] {
        if let queue = publish.destination.queue, !queues.isDeclared(queue) {
            return declare(queue, for: publish, now: now)
        }
        return send(publish, now: now)
    }

    mutating func send(_ publish: PendingPublish, now: ContinuousClock.Instant) -> [ConnectionAction] {
        if waiting.isEmpty, mayWrite(publish) { return write(publish, now: now) }
        waiting.append(publish)
        return []
    }

    private func mayWrite(_ publish: PendingPublish) -> Bool {
        isPublishChannelOpen && !link.isBlocked && !link.isCongested && !isRiskUnderWay
            && unconfirmed.count < Self.unconfirmedLimit && (unconfirmed.count == 0 || !risk.isRisky(publish))
    }

    private mutating func write(_ publish: PendingPublish, now: ContinuousClock.Instant) -> [ConnectionAction] {
        // What was learned while it waited.
        if let error = risk.refusal(of: publish.message) { return finish(publish, error) }
        do throws(TransportError) {
            try link.output.publish(
                publish.message,
                exchange: publish.destination.exchange,
                routingKey: publish.destination.routingKey,
                isMandatory: publish.isMandatory,
                channel: Self.publishChannel,
                frameMax: link.agreement.frameMax
            )
            publish.writtenAt = now
            isRiskUnderWay = unconfirmed.count == 0 && risk.isRisky(publish)
            unconfirmed.append(publish)
            return []
        } catch {
            return finish(publish, error)
        }
    }

    mutating func writeWaiting(now: ContinuousClock.Instant) -> [ConnectionAction] {
        var actions: [ConnectionAction] = []
        while let publish = waiting.first {
            guard publish.hasEnded || mayWrite(publish) else { break }
            waiting.removeFirst()
            if publish.hasEnded { endedWaiting -= 1 } else { actions += write(publish, now: now) }
        }
        return actions
    }

    /// The caller hears of the end, unless it waits no longer.
    mutating func finish(_ publish: PendingPublish, _ error: TransportError?) -> [ConnectionAction] {
        guard !publish.hasEnded else { return [] }
        publish.hasEnded = true
        open[publish.token] = nil
        return [.complete(publish.token, error)]
    }

    /// Ends the caller's wait. What was written stays written.
    mutating func cancel(_ token: UInt64) {
        guard let publish = open.removeValue(forKey: token) else { return }
        publish.hasEnded = true
        guard publish.writtenAt == nil else { return }
        // Looked for now and then only: many may be cancelled at once.
        endedWaiting += 1
        if endedWaiting * 2 > waiting.count {
            waiting.removeAll { $0.hasEnded }
            endedWaiting = 0
        }
    }

    // MARK: What the server says of messages

    mutating func confirm(
        _ tag: UInt64, multiple: Bool, isPositive: Bool, now: ContinuousClock.Instant
    ) -> [ConnectionAction] {
        var actions: [ConnectionAction] = []
        for publish in unconfirmed.resolve(tag, multiple: multiple) {
            risk.taken(publish)
            if isPositive {
                actions += confirmed(publish, now: now)
            } else {
                actions += finish(publish, TransportError(.rejected, "RabbitMQ did not take the message"))
            }
        }
        if unconfirmed.count == 0 { isRiskUnderWay = false }
        return actions
    }

    private mutating func confirmed(_ publish: PendingPublish, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard publish.isReturned else { return finish(publish, nil) }
        if publish.hasEnded { return [] }
        guard !publish.isSecondTry, let queue = publish.destination.queue else {
            let reason = "no queue takes a message for \(publish.destination.routingKey)"
            return finish(publish, TransportError(.rejected, reason))
        }
        // The queue was deleted, or has expired, since it was declared here.
        publish.isReturned = false
        publish.isSecondTry = true
        publish.writtenAt = nil
        queues.forget(queue)
        return declareAndSend(publish, now: now)
    }

    /// The server closes the channel over one publish, and says nothing any more of those under way. Those behind the one
    /// that it may be about it has not looked at: they are sent again. Those before it may have arrived.
    mutating func publishChannelClosed(_ fault: ServerFault, now: ContinuousClock.Instant) -> [ConnectionAction] {
        isPublishChannelOpen = false
        isRiskUnderWay = false
        risk.learn(from: fault)
        let all = unconfirmed.removeAll()
        let suspects = all.indices.filter { fault.isAbout(all[$0]) }
        let isKnown = all.count == 1 || suspects.count == 1 || fault.messageSizes != nil
        let first = suspects.first ?? all.endIndex
        let last = isKnown ? first : suspects.last ?? all.endIndex
        var actions: [ConnectionAction] = []
        var again: [PendingPublish] = []
        for (position, publish) in all.enumerated() {
            if position > last, !publish.isReturned {
                publish.writtenAt = nil
                if !publish.hasEnded { again.append(publish) }
            } else if isKnown ? position == first : fault.names(publish) {
                risk.clear(publish)
                actions += finish(publish, TransportError(fault))
            } else {
                if !isKnown { risk.suspect(publish) }
                actions += finish(
                    publish,
                    TransportError(
                        .connectionLost, "RabbitMQ closed the channel over another message: \(fault.text)"))
            }
        }
        waiting.prepend(contentsOf: again)
        openPublishChannel(now: now)
        return actions
    }

    /// The server closes the connection, perhaps over one publish. If there is only one it is that one's fault, which must
    /// not be sent again; else all of them are sent alone the next time.
    mutating func connectionClosed(_ fault: ServerFault) -> [ConnectionAction] {
        let lost = TransportError(
            .connectionLost, "RabbitMQ closed the connection: \(fault.text)", underlyingError: fault)
        guard fault.isOverContent else { return end(lost) }
        let all = unconfirmed.removeAll()
        if all.count == 1, let culprit = all.first {
            risk.clear(culprit)
            return finish(culprit, TransportError(fault)) + end(lost)
        }
        for publish in all { risk.suspect(publish) }
        return end(lost)
    }

    // MARK: Closing

    /// Waits for the confirmations under way, says goodbye and completes the token; all of it for a bounded time,
    /// whatever the server does.
    mutating func close(token: UInt64, now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard refusal == nil else { return [.complete(token, nil)] }
        refusal = Self.closed
        closing = token
        closingDeadline = now + link.closing.confirmations
        return goOnClosing(now: now)
    }

    private mutating func goOnClosing(now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard let closing, !isSayingGoodbye, open.isEmpty, unconfirmed.count == 0 else { return [] }
        isSayingGoodbye = true
        closingDeadline = now + link.closing.publisherGoodbye
        do throws(TransportError) {
            try link.output.connectionClose()
            link.expect([.connectionCloseOK], channel: 0, .caller(closing), now: now)
            return []
        } catch {
            return end(error)
        }
    }

    mutating func end(_ error: TransportError) -> [ConnectionAction] {
        guard !hasEnded else { return [] }
        hasEnded = true
        if refusal == nil { refusal = error }
        closingDeadline = nil
        isPublishChannelOpen = false
        var tokens = open.keys.sorted()
        for case .caller(let token) in link.takeAskers() { tokens.append(token) }
        if let opening { tokens.append(opening) }
        if let closing, !isSayingGoodbye { tokens.append(closing) }
        open.removeAll()
        _ = unconfirmed.removeAll()
        waiting.removeAll()
        queues.end()
        declarations.end()
        var actions: [ConnectionAction] = []
        let returned = returns.takeUnsaid()
        if returned > 0 { actions = [.log(.warning, "RabbitMQ gave messages back", ["count": "\(returned)"])] }
        return actions + [.ended(error)] + tokens.map { .complete($0, error) }
    }

    static let closed = TransportError(.closed, "the producer was closed")

    // MARK: Time

    mutating func advance(to now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard !hasEnded else { return [] }
        do throws(TransportError) {
            if let closingDeadline, closingDeadline <= now {
                throw TransportError(.connectionLost, "the server did not answer while closing")
            }
            if let confirmDeadline, confirmDeadline <= now {
                throw TransportError(.connectionLost, "RabbitMQ has not confirmed a message for \(confirmTimeout)")
            }
            try link.advance(to: now)
        } catch {
            return end(error)
        }
        return writeWaiting(now: now) + goOnClosing(now: now)
    }

    private var confirmDeadline: ContinuousClock.Instant? {
        link.deadline(after: confirmTimeout, from: unconfirmed.oldest?.writtenAt)
    }

    var deadline: ContinuousClock.Instant? {
        guard !hasEnded else { return nil }
        var earliest = link.deadline
        for other in [closingDeadline, confirmDeadline] {
            if let other { earliest = min(earliest ?? other, other) }
        }
        return earliest
    }

    var isQuiet: Bool { unconfirmed.count == 0 && waiting.isEmpty }

    var isReading: Bool { true }

    // MARK: What comes

    mutating func receive(_ events: [ServerEvent], now: ContinuousClock.Instant) -> [ConnectionAction] {
        guard !hasEnded else { return [] }
        var actions: [ConnectionAction] = []
        do throws(TransportError) {
            for event in events {
                switch try link.accept(event, now: now) {
                case .caller(let token): actions.append(.complete(token, nil))
                case .declaration: actions += declarationAnswered(nil, now: now)
                case .publishChannel:
                    isPublishChannelOpen = true
                    if let opening { actions.append(.complete(opening, nil)) }
                    opening = nil
                case nil: break
                }
                actions += handle(event, now: now)
            }
            return actions
        } catch {
            return actions + end(error)
        }
    }
}
