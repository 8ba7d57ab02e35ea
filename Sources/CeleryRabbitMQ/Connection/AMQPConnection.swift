internal import CeleryIO
internal import CeleryTransport

/// Drives a ``ConnectionMachine``: reads and writes the stream, keeps the time, calls back.
///
/// What many callers want while the connection is busy goes out in one write of its thread. When it is idle a caller
/// writes at once, from its own thread: waking another one would take longer than the message.
final class AMQPConnection<Machine: ConnectionMachine & ~Copyable>: ConnectionDriver {
    private typealias Continuation = CheckedContinuation<Void, any Error>

    private struct State: ~Copyable {
        var machine: Machine
        /// Closed by whoever is the last to use it: reading and writing happen outside of the lock.
        var stream: (any ByteStream)?
        /// What the thread or a caller sends at the moment; belongs to whoever set `isWriting`.
        var outgoing: [UInt8] = []
        var sent = 0
        var isWriting = false
        /// Whether it is over, and whoever writes at the moment sends what is left and closes the stream.
        var endsWhenWritten = false
        var waiting: [UInt64: Continuation] = [:]
        var lastToken: UInt64 = 0
        /// Until when the thread sleeps, if nothing else wakes it, or will once it has been nudged.
        var sleepsUntil: ContinuousClock.Instant?

        /// Whether something is due earlier than the thread knows of.
        mutating func hasEarlierDeadline() -> Bool {
            guard let deadline = machine.deadline, sleepsUntil.map({ deadline < $0 }) ?? true else { return false }
            sleepsUntil = deadline
            return true
        }

        /// Whether nothing is being sent or to be sent.
        var isIdle: Bool { !isWriting && outgoing.isEmpty && machine.link.output.bytes.isEmpty }
    }

    private let thread: ConnectionThread
    private let state: Locked<State>
    /// Locked by the connection's thread only.
    private let decoder = Locked(FrameDecoder())
    /// What to do with deliveries, log lines and the end, in their order.
    private let perform: @Sendable (ConnectionAction, AMQPConnection) -> Void
    /// Whether whoever gets what comes has room for more; if not, ``nudge()`` is called when it has.
    private let hasRoom: @Sendable () -> Bool

    /// Makes the connection's thread. Nothing is connected yet.
    init(
        name: String,
        _ machine: consuming sending Machine,
        hasRoom: @escaping @Sendable () -> Bool = { true },
        perform: @escaping @Sendable (ConnectionAction, AMQPConnection) -> Void
    ) throws(TransportError) {
        self.hasRoom = hasRoom
        self.perform = perform
        state = Locked(State(machine: machine))
        do throws(IOError) {
            thread = try ConnectionThread(name: name)
            try thread.start(driving: self)
        } catch {
            throw TransportError(.unreachable, error.description, underlyingError: error)
        }
    }

    deinit { thread.stop() }

    /// Connects on the connection's thread, which `connect` may block, and gives the machine its link.
    func open(
        _ connect: @escaping @Sendable () throws(TransportError) -> AMQPLink,
        _ begin: (inout Machine, AMQPLink, _ token: UInt64, _ now: ContinuousClock.Instant) -> [ConnectionAction]
    ) async throws {
        let link = try await BlockingCalls(on: thread).run(connect)
        state.withLock { $0.stream = link.stream }
        // It sleeps, and does not know of the stream yet.
        thread.nudge()
        try await ask { machine, token, now in begin(&machine, link, token, now) }
    }

    // MARK: What callers want

    /// Gives the machine an input and waits until it completes the token.
    ///
    /// - Parameter isCancellable: whether the calling task's cancellation ends the wait; the machine hears of it.
    func ask(
        isCancellable: Bool = false,
        _ input: (inout Machine, _ token: UInt64, _ now: ContinuousClock.Instant) -> [ConnectionAction]
    ) async throws {
        let token = state.withLock { state in
            state.lastToken += 1
            return state.lastToken
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: Continuation) in
                submit { state, now in
                    if isCancellable, Task.isCancelled {
                        continuation.resume(throwing: state.machine.refusal ?? CancellationError())
                        return []
                    }
                    state.waiting[token] = continuation
                    return input(&state.machine, token, now)
                }
            }
        } onCancel: {
            guard isCancellable else { return }
            let continuation = state.withLock { state in
                state.machine.cancel(token)
                return state.waiting.removeValue(forKey: token)
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// Gives the machine an input.
    func tell(_ input: (inout Machine, _ now: ContinuousClock.Instant) -> [ConnectionAction]) {
        submit { state, now in input(&state.machine, now) }
    }

    /// Asks the machine something.
    func look<Value: Sendable>(_ question: (inout Machine) -> Value) -> Value {
        state.withLock { question(&$0.machine) }
    }

    private func submit(_ input: (inout State, ContinuousClock.Instant) -> [ConnectionAction]) {
        let now = ContinuousClock.now
        let (mayWrite, mustNudge, actions) = state.withLock { state -> (Bool, Bool, [ConnectionAction]) in
            let wasIdle = state.isIdle
            let wasQuiet = state.machine.isQuiet
            let actions = input(&state, now)
            let isFirst = wasIdle && !state.machine.link.output.bytes.isEmpty
            // The thread would sleep too long.
            let isEarlier = state.hasEarlierDeadline()
            return (isFirst && wasQuiet, isEarlier || isFirst && !wasQuiet, actions)
        }
        carryOut(actions)
        var isWritten = true
        if mayWrite {
            // What is wrong with the stream is for the thread to find.
            if case .all = write() {} else { isWritten = false }
        }
        if mustNudge || !isWritten { thread.nudge() }
    }

    /// The connection is over.
    func end(_ error: TransportError) {
        let actions = state.withLock { $0.machine.end(error) }
        carryOut(actions)
    }

    /// Has the thread look whether there is something to do.
    func nudge() { thread.nudge() }

    // MARK: What the machine wants

    private func carryOut(_ actions: [ConnectionAction]) {
        for action in actions {
            switch action {
            case .complete(let token, let error):
                let continuation = state.withLock { $0.waiting.removeValue(forKey: token) }
                if let error { continuation?.resume(throwing: error) } else { continuation?.resume() }
            case .ended:
                // What is written already, an answer to the server's goodbye perhaps, is sent if it can be.
                _ = write()
                state.withLock { state in
                    if state.isWriting { state.endsWhenWritten = true } else { state.stream = nil }
                }
                // The thread must not wait on what is closed.
                thread.nudge()
                perform(action, self)
            case .deliver, .log: perform(action, self)
            }
        }
    }

    private enum Written {
        case all
        /// The stream takes no more at the moment, or somebody else is writing.
        case some
        case failed(IOError)
    }

    /// Sends what is written, as far as the stream takes it.
    private func write() -> Written {
        var bytes: [UInt8] = []
        var sent = 0
        let stream = state.withLock { state -> (any ByteStream)? in
            guard !state.isWriting, let stream = state.stream else { return nil }
            if state.outgoing.isEmpty { swap(&state.outgoing, &state.machine.link.output.bytes) }
            guard !state.outgoing.isEmpty else { return nil }
            state.isWriting = true
            state.machine.link.underWay = state.outgoing.count - state.sent
            swap(&state.outgoing, &bytes)
            sent = state.sent
            return stream
        }
        guard let stream else { return state.withLock { $0.isIdle } ? .all : .some }
        var failure: IOError?
        do throws(IOError) {
            sending: while sent < bytes.count {
                switch try Self.send(bytes, from: sent, to: stream) {
                case .bytes(let count): sent += count
                case .wouldBlock: break sending
                case .endOfStream: throw IOError(.connectionLost, "the server closed the connection")
                }
            }
        } catch {
            failure = error
        }
        let (isAll, mustEnd) = state.withLock { state in
            state.isWriting = false
            if sent == bytes.count {
                // Kept for what is written next, unless it was much.
                bytes.removeAll(keepingCapacity: sent <= LinkState.outputLimit)
                sent = 0
            }
            swap(&state.outgoing, &bytes)
            state.sent = sent
            state.machine.link.underWay = state.outgoing.count - sent
            state.machine.link.hasSent(now: .now)
            defer { state.endsWhenWritten = false }
            return (state.isIdle, state.endsWhenWritten)
        }
        if mustEnd {
            if failure == nil { _ = write() }
            state.withLock { $0.stream = nil }
            thread.nudge()
        }
        if let failure { return .failed(failure) }
        return isAll ? .all : .some
    }

    private static func send(
        _ bytes: [UInt8], from offset: Int, to stream: any ByteStream
    ) throws(IOError) -> Socket.Outcome {
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(IOError) in try stream.write(UnsafeRawBufferPointer(rebasing: bytes[offset...])) }
        }.get()
    }

    /// Reads what has come and gives it to the machine.
    private func read() {
        guard let stream = state.withLock({ $0.stream }) else { return }
        let (events, failure) = decoder.withLock { decoder in Self.read(from: stream, &decoder) }
        let actions = state.withLock { state in
            let now = ContinuousClock.now
            state.machine.link.hasReceived(now: now)
            return state.machine.receive(events, now: now)
        }
        carryOut(actions)
        switch failure {
        case nil: break
        case let error as WireError: end(look { $0.link.unreadable(error) })
        case let error?: end(lost(error))
        }
    }

    /// What has come, and what is wrong after that.
    private static func read(
        from stream: any ByteStream, _ decoder: inout FrameDecoder
    ) -> (events: [ServerEvent], failure: (any Error)?) {
        var events: [ServerEvent] = []
        do {
            var hasEnded = false
            try decoder.fill { (buffer) throws(IOError) in
                switch try stream.read(into: buffer) {
                case .bytes(let count): return count
                case .wouldBlock: return 0
                case .endOfStream:
                    hasEnded = true
                    return 0
                }
            }
            try decoder.decode(into: &events)
            if hasEnded { throw IOError(.connectionLost, "the server closed it") }
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    private func lost(_ error: any Error) -> TransportError {
        let name = look { $0.link.name }
        return TransportError(.connectionLost, "the connection to \(name) is lost: \(error)", underlyingError: error)
    }

    // MARK: On the thread

    func prepareToWait() -> PollRequest {
        while true {
            let (actions, isWritten) = state.withLock { state in
                let actions = state.machine.advance(to: .now)
                return (actions, state.machine.link.output.bytes.isEmpty && state.outgoing.isEmpty)
            }
            carryOut(actions)
            if isWritten { break }
            // What had to wait because too much was written may be written now.
            switch write() {
            case .all: continue
            case .some: break
            case .failed(let error): end(lost(error))
            }
            break
        }
        let hasRoom = hasRoom()
        return state.withLock { state in
            guard let stream = state.stream else {
                state.sleepsUntil = nil
                return .nothing
            }
            let isReading = hasRoom && state.machine.isReading
            if !isReading { state.machine.link.isNotListened(now: .now) }
            state.sleepsUntil = state.machine.deadline
            return PollRequest(
                descriptor: stream.descriptor,
                wantsRead: isReading,
                // What a caller has added while this thread was writing is still to be sent. A caller that writes at the
                // moment wakes this thread if it leaves something.
                wantsWrite: !state.isWriting && !(state.outgoing.isEmpty && state.machine.link.output.bytes.isEmpty),
                deadline: state.sleepsUntil)
        }
    }

    func respond(isReadable: Bool, isWritable: Bool) {
        if isReadable { read() }
    }
}
