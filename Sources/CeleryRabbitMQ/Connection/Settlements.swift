internal import CeleryProtocol
internal import CeleryTransport

/// The messages that a channel has delivered: which are held, and when the server hears what became of them.
struct Settlements {
    /// How long an acknowledgement waits for others while messages stream in: one method and one write for each would
    /// cost more than short tasks do, here and in the server.
    private static let delay = Duration.milliseconds(1)
    /// What is acknowledged here, not by its receiver, waits longer: no prefetch count keeps the server from sending more.
    private static let (ownBatch, ownDelay) = (256, Duration.milliseconds(50))

    /// What became of a delivery when it came in.
    enum Arrival: Equatable {
        case held
        /// It was acknowledged over a former connection, and is held only until it is acknowledged again.
        case isDone
        /// Its tag does not follow the one before.
        case isOutOfOrder
    }

    /// Whether what arrives is acknowledged here.
    let isAutomatic: Bool
    private let former: AcknowledgedMessages
    private var acks = AckBatcher()
    /// So many acknowledgements do not wait for others.
    private var batch = 1
    /// When the acknowledgements that wait are sent at the latest.
    private(set) var due: ContinuousClock.Instant?

    /// - Parameter former: what was acknowledged over connections before this one, perhaps without being heard.
    init(isAutomatic: Bool, former: AcknowledgedMessages) {
        self.isAutomatic = isAutomatic
        self.former = former
    }

    // MARK: What is held

    var heldCount: Int { acks.heldCount }

    /// Whether the message is held: delivered, and neither acknowledged nor given back.
    func holds(_ tag: UInt64) -> Bool { acks.holds(tag) }

    /// The messages that are held and that this consumer has delivered.
    func held(by consumer: UInt32) -> [UInt64] { acks.held(by: consumer) }

    /// Notes a delivery.
    mutating func deliver(_ incoming: IncomingDelivery, consumer: UInt32) -> Arrival {
        if isAutomatic { return acks.deliver(incoming.tag) ? .held : .isOutOfOrder }
        var identity: MessageIdentity?
        var isRedelivered = false
        if case .success(let message) = incoming.message {
            identity = MessageIdentity(message)
            isRedelivered = message.properties.isRedelivered
        }
        guard acks.deliver(incoming.tag, identity, isRedelivered: isRedelivered, consumer: consumer) else {
            return .isOutOfOrder
        }
        if isRedelivered, let identity, former.remove(identity) { return .isDone }
        return .held
    }

    /// Whether a message that is held has come again while its first run was going on, and was acknowledged meanwhile.
    mutating func isDone(_ tag: UInt64) -> Bool {
        guard former.count > 0, let identity = acks.redelivered(tag) else { return false }
        return former.remove(identity)
    }

    // MARK: What the server is told

    /// Notes an acknowledgement; ignored unless the message is held.
    ///
    /// - Parameter limit: how many are remembered, because the server may not have heard of them.
    mutating func acknowledge(_ tag: UInt64, remembering limit: Int) { acks.acknowledge(tag, remembering: limit) }

    /// Tells the server of acknowledgements, unless they wait for others.
    mutating func tell(_ output: inout WireWriter, now: ContinuousClock.Instant) {
        if acks.waitingCount >= batch {
            tellAll(&output)
        } else if due == nil {
            due = now + Self.delay
        }
    }

    mutating func tellAll(_ output: inout WireWriter) {
        due = nil
        guard acks.waitingCount > 0 else { return }
        for ack in acks.takeAcknowledgements() {
            output.acknowledge(ack.tag, multiple: ack.multiple, channel: ConsumerMachine.channel)
        }
    }

    /// Notes that a message is given back or dropped; `false` unless it is held.
    mutating func reject(_ tag: UInt64) -> Bool { acks.reject(tag) }

    /// Tells the server that a message is given back or dropped.
    mutating func tellRejection(_ tag: UInt64, requeue: Bool, _ output: inout WireWriter) {
        output.reject(tag, requeue: requeue, channel: ConsumerMachine.channel)
        // What waits goes with it.
        tellAll(&output)
    }

    /// The time is `now`: tells the server what has waited long enough.
    mutating func advance(to now: ContinuousClock.Instant, _ output: inout WireWriter) {
        if let due, due <= now { tellAll(&output) }
    }

    /// So many messages have come in one read, as one of many reads or by themselves.
    mutating func hasRead(_ count: Int, isStreaming: Bool, now: ContinuousClock.Instant) {
        batch = isStreaming ? count / 2 : 1
        // The thread looks for them by itself and need not be told of the first.
        if isStreaming, due == nil { due = now + Self.delay }
    }

    /// They have arrived. Not before, as the server would have it without acknowledgements: what is on its way when the
    /// connection is lost would be lost with it.
    mutating func acknowledgeAll(
        _ deliveries: [Delivery], _ output: inout WireWriter, now: ContinuousClock.Instant
    ) {
        for delivery in deliveries { acks.acknowledge(delivery.tag.value) }
        if acks.waitingCount >= Self.ownBatch {
            tellAll(&output)
        } else if due == nil {
            due = now + Self.ownDelay
        }
    }

    // MARK: What the server has heard

    /// The server has heard of everything.
    mutating func isHeard() { _ = acks.takeRecent() }

    /// The server may deliver again what was acknowledged; how many older messages had to be forgotten for these.
    mutating func isUnheard() -> Int { former.insert(acks.takeRecent()) }
}
