internal import CeleryTransport

/// What every connection has after its handshake, whatever it is for: bytes to be sent, questions and answers,
/// heartbeats. Without I/O and without a clock.
struct LinkState: Sendable {
    /// Bytes that the server does not take are kept up to here before publishing has to wait.
    static let outputLimit = 4 << 20

    let agreement: AMQPHandle.Agreement
    /// The server, for messages.
    let name: String
    /// How long an answer may take.
    private let replyTimeout: Duration
    let closing: ClosingLimits
    /// After how long without anything sent a heartbeat goes out, and after how long without anything received the server
    /// is given up. Kept, because calculating with durations takes longer than all else that is asked for each message.
    private let heartbeat: (pause: Duration, silence: Duration)?
    /// Where what is to be sent is written to.
    var output = WireWriter()
    /// How many bytes were taken out of `output` and have not been sent yet.
    var underWay = 0
    private var replies: [UInt16: ReplyQueue] = [:]
    private var lastSent: ContinuousClock.Instant
    private var lastReceived: ContinuousClock.Instant
    /// Whether the server reads nothing of a connection that publishes, because it is short of memory or disk.
    private(set) var isBlocked = false
    private var unblockedAt: ContinuousClock.Instant?

    /// Before there is a link.
    static let none = LinkState(
        AMQPHandle.Agreement(frameMax: 0, heartbeat: nil, serverVersion: ""), name: "the server",
        replyTimeout: .zero, closing: ClosingLimits(), now: .now)

    init(_ link: AMQPLink, now: ContinuousClock.Instant) {
        self.init(link.agreement, name: link.name, replyTimeout: link.replyTimeout, closing: link.closing, now: now)
    }

    private init(
        _ agreement: AMQPHandle.Agreement, name: String, replyTimeout: Duration, closing: ClosingLimits,
        now: ContinuousClock.Instant
    ) {
        self.agreement = agreement
        self.name = name
        self.replyTimeout = replyTimeout
        self.closing = closing
        heartbeat = agreement.heartbeat.map { ($0 / 2, $0 * 2) }
        lastSent = now
        lastReceived = now
    }

    /// Whether publishing should wait until the server has taken what is written.
    var isCongested: Bool { output.bytes.count + underWay > Self.outputLimit }

    // MARK: Questions and answers

    /// Notes that `expected` will be answered; `asker` hears of the last answer, or of what went wrong.
    ///
    /// - Parameter subject: what it is about, for messages.
    mutating func expect(
        _ expected: [MethodID], channel: UInt16, _ asker: ReplyQueue.Asker? = nil, subject: String? = nil,
        now: ContinuousClock.Instant
    ) {
        replies[channel, default: ReplyQueue()].append(expected, asker, subject: subject, askedAt: now)
    }

    /// Whether something that was asked on a channel is not answered yet.
    func isAnswerDue(on channel: UInt16) -> Bool { replies[channel]?.next != nil }

    /// What the next answer on a channel is about.
    func nextSubject(on channel: UInt16) -> String? { replies[channel]?.next?.subject }

    /// Takes out who waits for answers on a channel, which will not come.
    mutating func takeAskers(on channel: UInt16) -> [ReplyQueue.Asker] {
        replies.removeValue(forKey: channel)?.askers ?? []
    }

    /// Takes out who waits for answers on any channel.
    mutating func takeAskers() -> [ReplyQueue.Asker] {
        defer { replies = [:] }
        return replies.values.flatMap(\.askers)
    }

    /// When something that was sent at `time` has waited too long. A server that has blocked the connection does not
    /// read it: meanwhile there is no deadline, and afterwards the time begins anew.
    func deadline(after timeout: Duration, from time: ContinuousClock.Instant?) -> ContinuousClock.Instant? {
        guard let time, !isBlocked else { return nil }
        return max(time, unblockedAt ?? time) + timeout
    }

    private var replyDeadline: ContinuousClock.Instant? {
        if replies.isEmpty { return nil }
        return deadline(after: replyTimeout, from: replies.values.lazy.compactMap { $0.next?.askedAt }.min())
    }

    // MARK: What comes

    /// Something was read; without effect on anything but the heartbeat.
    mutating func hasReceived(now: ContinuousClock.Instant) { lastReceived = now }

    /// The driver has sent something.
    mutating func hasSent(now: ContinuousClock.Instant) { lastSent = now }

    /// Sees to what is the same for every connection.
    ///
    /// - Returns: who waited for this answer, if it was one that somebody waited for.
    mutating func accept(
        _ event: ServerEvent, now: ContinuousClock.Instant
    ) throws(TransportError) -> ReplyQueue.Asker? {
        switch event {
        case .reply(let method, let channel):
            guard let answered = replies[channel]?.resolve(method) else {
                throw unreadable(WireError(reason: "the answer \(method) was not expected"))
            }
            return answered
        case .flow(let isActive, let channel):
            // Not used by RabbitMQ, but every client must answer.
            output.method(.channelFlowOK, channel: channel, octet: isActive ? 1 : 0)
        case .blocked:
            isBlocked = true
        case .unblocked:
            isBlocked = false
            unblockedAt = now
        case .connectionClosed:
            output.method(.connectionCloseOK, channel: 0)
        default: break
        }
        return nil
    }

    /// The server has sent what no server sends.
    func unreadable(_ error: WireError) -> TransportError {
        TransportError(
            .connectionLost, "\(name) sent something that is not AMQP: \(error.reason)", underlyingError: error)
    }

    // MARK: Time

    /// Writes a heartbeat when it is time. Throws when the server has been silent for too long.
    mutating func advance(to now: ContinuousClock.Instant) throws(TransportError) {
        if let heartbeat {
            if now - lastReceived > heartbeat.silence {
                throw TransportError(.connectionLost, "nothing has come from \(name) for \(heartbeat.silence)")
            }
            if output.bytes.isEmpty, underWay == 0, now - lastSent >= heartbeat.pause { output.heartbeat() }
        }
        if let deadline = replyDeadline, deadline <= now {
            throw TransportError(.connectionLost, "\(name) has not answered for \(replyTimeout)")
        }
    }

    /// A server that is not listened to is not dead.
    mutating func isNotListened(now: ContinuousClock.Instant) { lastReceived = now }

    /// When ``advance(to:)`` has something to do.
    var deadline: ContinuousClock.Instant? {
        var earliest = replyDeadline
        if let heartbeat {
            let beat = min(lastSent + heartbeat.pause, lastReceived + heartbeat.silence + .milliseconds(1))
            earliest = min(earliest ?? beat, beat)
        }
        return earliest
    }
}
