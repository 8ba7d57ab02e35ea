internal import CeleryIO
internal import CeleryTransport

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// One channel over a connection of its own, with calls that block their thread: for what a person does now and then,
/// one step after the other.
final class AMQPSession {
    static let channel: UInt16 = 1

    private let link: AMQPLink
    private var buffer = FrameBuffer()
    private var assembler = RawAssembler()
    private var lastSent = ContinuousClock.now
    private var lastReceived = ContinuousClock.now
    /// Whether whoever wanted this waits for it no longer.
    let isCancelled: () -> Bool
    private var messages: [RawMessage] = []

    /// Opens the channel.
    init(_ link: AMQPLink, isCancelled: @escaping () -> Bool) throws {
        self.link = link
        self.isCancelled = isCancelled
        try openChannel()
    }

    private func openChannel() throws {
        _ = try call(.channelOpenOK) { $0.channelOpen(Self.channel) }
    }

    var frameMax: Int { link.agreement.frameMax }

    // MARK: Sending

    func send(_ write: (inout WireWriter) throws(TransportError) -> Void) throws {
        var writer = WireWriter()
        try write(&writer)
        var sent = 0
        let start = ContinuousClock.now
        while sent < writer.bytes.count {
            let outcome = try writer.bytes.withUnsafeBytes { bytes throws(IOError) in
                try link.stream.write(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
            }
            switch outcome {
            case .bytes(let count): sent += count
            case .endOfStream: throw lost("the server closed it")
            case .wouldBlock:
                guard .now - start < link.replyTimeout else { throw lost("it takes nothing") }
                wait(Int16(POLLOUT), .milliseconds(100))
            }
        }
        lastSent = .now
    }

    /// Sends a question and waits for its answer; messages that come meanwhile are kept.
    ///
    /// - Throws: ``ServerFault`` when the server closes the channel over it; a new one is open then.
    func call(
        _ answer: MethodID, _ write: (inout WireWriter) throws(TransportError) -> Void
    ) throws -> WireReader {
        try send(write)
        return try wait(for: answer)
    }

    private func wait(for answer: MethodID) throws -> WireReader {
        let start = ContinuousClock.now
        while .now - start < link.replyTimeout {
            switch try next(within: .milliseconds(100)) {
            case .method(answer, let reader): return reader
            case .message(let message): messages.append(message)
            case .method, .returned, nil: continue
            }
        }
        throw lost("it has not answered for \(link.replyTimeout)")
    }

    // MARK: Receiving

    /// The next message; `nil` when none comes in time.
    ///
    /// - Parameter isCancellable: whether it ends when nobody waits for it any longer.
    func message(within time: Duration, isCancellable: Bool = true) throws -> RawMessage? {
        if isCancellable, isCancelled() { throw CancellationError() }
        if !messages.isEmpty { return messages.removeFirst() }
        let end = ContinuousClock.now + time
        while true {
            if case .message(let message) = try next(within: max(.zero, end - .now), isCancellable: isCancellable) {
                return message
            }
            if end <= .now { return nil }
        }
    }

    /// What comes next, but for messages that ``message(within:)`` has; `nil` when nothing comes in time.
    ///
    /// - Parameter isCancellable: whether it ends when nobody waits for it any longer.
    func next(within time: Duration, isCancellable: Bool = true) throws -> RawAssembler.Event? {
        let end = ContinuousClock.now + time
        while true {
            while let frame = try buffer.next() {
                if let event = try assembler.accept(frame), let event = try attend(to: event) { return event }
            }
            let now = ContinuousClock.now
            guard now < end else { return nil }
            if isCancellable, isCancelled() { throw CancellationError() }
            try beat(now)
            wait(Int16(POLLIN), min(end - now, .milliseconds(100)))
            try read()
        }
    }

    /// What the server does by itself.
    private func attend(to event: RawAssembler.Event) throws -> RawAssembler.Event? {
        guard case .method(let id, var reader) = event else { return event }
        switch id {
        case .channelClose:
            let fault = try Self.fault(&reader)
            try send { $0.method(.channelCloseOK, channel: Self.channel) }
            messages = []
            try openChannel()
            throw fault
        case .connectionClose:
            let fault = try Self.fault(&reader)
            try send { $0.method(.connectionCloseOK, channel: 0) }
            throw TransportError(
                .connectionLost, "RabbitMQ closed the connection: \(fault.text)", underlyingError: fault)
        case .basicCancel:
            throw TransportError(.rejected, "RabbitMQ ended the capture: was the queue deleted?")
        case .channelFlow, .connectionBlocked, .connectionUnblocked: return nil
        default: return event
        }
    }

    static func fault(_ reader: inout WireReader) throws(WireError) -> ServerFault {
        let code = try reader.integer(UInt16.self)
        let text = try reader.shortString()
        return ServerFault(code: code, text: text, method: MethodID(rawValue: try reader.integer(UInt32.self)))
    }

    private func read() throws {
        var hasEnded = false
        try buffer.fill { bytes throws(IOError) in
            switch try link.stream.read(into: bytes) {
            case .bytes(let count):
                lastReceived = .now
                return count
            case .wouldBlock: return 0
            case .endOfStream:
                hasEnded = true
                return 0
            }
        }
        if hasEnded { throw lost("the server closed it") }
    }

    private func beat(_ now: ContinuousClock.Instant) throws {
        guard let heartbeat = link.agreement.heartbeat else { return }
        if now - lastReceived > heartbeat * 2 { throw lost("nothing has come for \(heartbeat * 2)") }
        if now - lastSent >= heartbeat / 2 { try send { $0.heartbeat() } }
    }

    private func wait(_ events: Int16, _ time: Duration) {
        var request = pollfd(fd: link.stream.descriptor, events: events, revents: 0)
        _ = poll(&request, 1, Int32(max(1, time / .milliseconds(1))))
    }

    private func lost(_ reason: String) -> TransportError {
        TransportError(.connectionLost, "the connection to \(link.name) is lost: \(reason)")
    }

    // MARK: The end

    /// Says goodbye, also for one who waits no longer. The server gives all that was delivered back to its queue.
    func close() throws {
        try send { writer throws(TransportError) in try writer.connectionClose() }
        let end = ContinuousClock.now + .seconds(5)
        while .now < end {
            while let frame = try buffer.next() {
                if case .method(.connectionCloseOK, _)? = try assembler.accept(frame) { return }
            }
            wait(Int16(POLLIN), .milliseconds(100))
            try read()
        }
    }
}
