internal import CeleryIO
internal import CeleryTransport

/// A connection after its handshake: buffers, frames, heartbeats, questions and answers. It belongs to one actor.
final class AMQPLink {
    /// Written bytes that the server does not take are kept up to here before publishing has to wait.
    private static let outputLimit = 4 << 20

    let agreement: AMQPHandle.Agreement
    /// Where what is to be sent is written to.
    var output = WireWriter()

    private let name: String
    /// How long an answer may take.
    private let replyTimeout: Duration
    private let stream: any ByteStream
    private var sent = 0
    private var input: FrameBuffer
    private var assembler = DeliveryAssembler()
    private var replies: [UInt16: ReplyQueue] = [:]
    private var lastSent = ContinuousClock.now
    private var lastReceived = ContinuousClock.now
    /// Whether the server reads nothing of a connection that publishes, because it is short of memory or disk.
    private(set) var isBlocked = false
    private var unblockedAt: ContinuousClock.Instant?

    /// - Parameters:
    ///   - name: the server, for messages.
    ///   - replyTimeout: how long an answer may take.
    init(
        stream: any ByteStream,
        agreement: AMQPHandle.Agreement,
        name: String,
        replyTimeout: Duration = .seconds(30)
    ) {
        self.stream = stream
        self.agreement = agreement
        self.name = name
        self.replyTimeout = replyTimeout
        input = FrameBuffer(frameMax: agreement.frameMax)
    }

    /// Whether publishing should wait until the server has taken what is written.
    var isCongested: Bool { output.bytes.count - sent > Self.outputLimit }

    /// Notes that `expected` will be answered; `continuation` hears of the last answer, or of what went wrong.
    func expect(_ expected: [MethodID], channel: UInt16, _ continuation: ReplyQueue.Continuation? = nil) {
        replies[channel, default: ReplyQueue()].append(expected, askedAt: .now, continuation)
    }

    /// When something that was sent at `time` has waited too long. A server that has blocked the connection does not
    /// read it: meanwhile there is no deadline, and afterwards the time begins anew.
    func deadline(after timeout: Duration, from time: ContinuousClock.Instant?) -> ContinuousClock.Instant? {
        guard let time, !isBlocked else { return nil }
        return max(time, unblockedAt ?? time) + timeout
    }

    private var replyDeadline: ContinuousClock.Instant? {
        deadline(after: replyTimeout, from: replies.values.lazy.compactMap(\.askedAt).min())
    }

    /// Whether something that was asked on a channel is not answered yet.
    func isAnswerDue(on channel: UInt16) -> Bool { replies[channel]?.askedAt != nil }

    /// Fails whoever waits for an answer, on one channel or on all.
    func failReplies(_ error: TransportError, channel: UInt16? = nil) {
        for key in replies.keys where channel == nil || channel == key {
            var queue = replies.removeValue(forKey: key)
            queue?.fail(error)
        }
    }

    /// Reads what has come and returns what it means, apart from answers, which go to whoever waits for them.
    func receive() throws(TransportError) -> [ServerEvent] {
        var hasEnded = false
        do throws(IOError) {
            try input.fill { (buffer) throws(IOError) in
                switch try stream.read(into: buffer) {
                case .bytes(let count):
                    lastReceived = .now
                    return count
                case .wouldBlock: return 0
                case .endOfStream:
                    hasEnded = true
                    return 0
                }
            }
        } catch {
            throw lost(error)
        }
        let events: [ServerEvent]
        do throws(WireError) {
            events = try decode()
        } catch {
            throw TransportError(
                .connectionLost,
                "\(name) sent something that is not AMQP: \(error.reason)",
                underlyingError: error
            )
        }
        if hasEnded { throw TransportError(.connectionLost, "\(name) closed the connection") }
        return events
    }

    private func decode() throws(WireError) -> [ServerEvent] {
        var events: [ServerEvent] = []
        while let frame = try input.next() {
            guard let event = try assembler.accept(frame) else { continue }
            switch event {
            case .reply(let method, let channel):
                guard replies[channel]?.resolve(method) == true else {
                    throw WireError(reason: "the answer \(method) was not expected")
                }
            case .flow(let isActive, let channel):
                // Not used by RabbitMQ, but every client must answer.
                output.method(.channelFlowOK, channel: channel, octet: isActive ? 1 : 0)
            case .heartbeat:
                continue
            case .blocked:
                isBlocked = true
                events.append(event)
            case .unblocked:
                isBlocked = false
                unblockedAt = .now
                events.append(event)
            default:
                events.append(event)
            }
        }
        return events
    }

    /// Sends what is written, and a heartbeat when it is time, as far as the socket takes it.
    func flush() throws(TransportError) {
        let now = ContinuousClock.now
        if let heartbeat = agreement.heartbeat {
            if now - lastReceived > heartbeat * 2 {
                throw TransportError(.connectionLost, "nothing has come from \(name) for \(heartbeat * 2)")
            }
            if sent == output.bytes.count, now - lastSent >= heartbeat / 2 { output.heartbeat() }
        }
        if let deadline = replyDeadline, deadline < now {
            throw TransportError(.connectionLost, "\(name) has not answered for \(replyTimeout)")
        }
        guard sent < output.bytes.count else { return }
        do throws(IOError) {
            sending: while sent < output.bytes.count {
                switch try write() {
                case .bytes(let count): sent += count
                case .wouldBlock: break sending
                case .endOfStream: throw IOError(.connectionLost, "the server closed the connection")
                }
            }
        } catch {
            throw lost(error)
        }
        lastSent = now
        if sent == output.bytes.count {
            output.bytes.removeAll(keepingCapacity: sent <= Self.outputLimit)
            sent = 0
        } else if sent > max(Self.outputLimit, output.bytes.count / 2) {
            // Less is moved than was sent: a message of 100 MB goes out in thousands of writes.
            output.bytes.removeFirst(sent)
            sent = 0
        }
    }

    private func lost(_ error: IOError) -> TransportError {
        TransportError(.connectionLost, "the connection to \(name) is lost: \(error)", underlyingError: error)
    }

    private func write() throws(IOError) -> Socket.Outcome {
        let result = output.bytes.withUnsafeBytes { bytes in
            Result { () throws(IOError) in try stream.write(UnsafeRawBufferPointer(rebasing: bytes[sent...])) }
        }
        return try result.get()
    }

    /// What to wait for after ``flush()``.
    ///
    /// - Parameter isReading: `false` to leave what comes next to the server until further notice.
    func pollRequest(until other: ContinuousClock.Instant? = nil, isReading: Bool = true) -> PollRequest {
        // A server that is not listened to is not dead.
        if !isReading { lastReceived = .now }
        var deadlines = [replyDeadline, other].compactMap { $0 }
        if let heartbeat = agreement.heartbeat {
            deadlines.append(min(lastSent + heartbeat / 2, lastReceived + heartbeat * 2 + .milliseconds(1)))
        }
        return PollRequest(
            descriptor: stream.descriptor,
            wantsRead: isReading,
            wantsWrite: sent < output.bytes.count,
            deadline: deadlines.min()
        )
    }
}
