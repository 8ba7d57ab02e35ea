internal import CeleryIO
internal import CeleryTransport
internal import Logging

/// One connection to a Redis server: pipelined commands, or subscriptions.
///
/// What all callers send while the connection is busy goes out in one write of its thread. When it is idle a caller
/// writes at once, from its own thread: waking another one would take longer than the command. Once the connection is
/// lost, every call fails; the owner makes a new one.
final class RedisConnection: Sendable {
    /// What a connection does of its own accord, asked on its thread before every write.
    protocol Upkeep: AnyObject, Sendable {
        /// What to send now.
        ///
        /// - Parameter isWriting: whether other commands are about to be written, so that more cost little.
        func commands(at now: ContinuousClock.Instant, isWriting: Bool) -> PendingCommand?
        /// When to ask again, if nothing else happens before.
        var nextDeadline: ContinuousClock.Instant? { get }
    }

    private struct State: ~Copyable {
        var protocolState: RedisConnectionState
        /// Whoever writes or reads holds on to it: both happen outside of the lock.
        var stream: (any ByteStream)?
        weak var upkeep: (any Upkeep)?

        init(_ protocolState: consuming RedisConnectionState) { self.protocolState = protocolState }
    }

    let thread: ConnectionThread
    private let address: RedisAddress
    private let logger: Logger
    private let onMessages: (@Sendable ([RESPValue]) -> Void)?
    private let onLoss: (@Sendable (TransportError) -> Void)?
    private let state: Locked<State>
    /// Locked by the connection's thread only.
    private let reader: Locked<RESPReader>

    /// Connects and logs in.
    ///
    /// - Parameters:
    ///   - onMessages: makes this a subscriber's connection: gets the messages, those together that have come together,
    ///     on the connection's thread.
    ///   - onLoss: called once, when the connection is lost or closed.
    /// - Throws: ``TransportError``, `unreachable` when another try may succeed.
    static func open(
        _ address: RedisAddress,
        name: String,
        logger: Logger,
        onMessages: (@Sendable ([RESPValue]) -> Void)? = nil,
        onLoss: (@Sendable (TransportError) -> Void)? = nil
    ) async throws -> RedisConnection {
        do {
            let thread = try ConnectionThread(name: name)
            let connection = try RedisConnection(
                address, thread: thread, logger: logger, onMessages: onMessages, onLoss: onLoss)
            let stream = try await BlockingCalls(on: thread).run {
                try FixedEndpoints([address.endpoint]).connectToFirst { endpoint in
                    PlainStream(try endpoint.connect(timeout: address.connectTimeout))
                }
            }
            connection.adopt(stream)
            try await connection.logIn(name: name)
            return connection
        } catch let error as IOError {
            throw TransportError(.unreachable, "\(error)", underlyingError: error)
        } catch let error as TransportError where error.code == .connectionLost {
            // It was never there. Who is told of a loss tries again at once, and this server has just said no.
            throw TransportError(
                error.underlyingError is RedisConnectionState.Unreadiness ? .unavailable : .unreachable, error.message,
                underlyingError: error.underlyingError)
        }
    }

    private init(
        _ address: RedisAddress,
        thread: ConnectionThread,
        logger: Logger,
        onMessages: (@Sendable ([RESPValue]) -> Void)?,
        onLoss: (@Sendable (TransportError) -> Void)?
    ) throws {
        guard let reader = RESPReader() else { throw TransportError(.unreachable, "no memory for a connection") }
        self.address = address
        self.thread = thread
        self.logger = logger
        self.onMessages = onMessages
        self.onLoss = onLoss
        state = Locked(
            State(
                RedisConnectionState(
                    name: address.description, isSubscriber: onMessages != nil, replyTimeout: address.replyTimeout,
                    checkInterval: address.healthCheckInterval)))
        self.reader = Locked(reader)
        try thread.start(driving: self)
    }

    deinit {
        cut()
        thread.stop()
    }

    private func adopt(_ stream: any ByteStream) {
        state.withLock { state in
            state.stream = stream
            state.protocolState.opened(at: .now)
        }
        // It sleeps, and does not know of the stream yet.
        thread.nudge()
    }

    private func logIn(name: String) async throws {
        var login = RedisPipeline()
        if let password = address.password {
            if let user = address.user {
                login.append("AUTH", user, password)
            } else {
                login.append("AUTH", password)
            }
        }
        if address.database != 0 { login.append("SELECT", String(address.database)) }
        let needed = login.count
        // Refused by a server that still loads its data.
        login.append("PING")
        login.append("CLIENT", "SETNAME", String((address.clientName ?? name).map { $0.isWhitespace ? "-" : $0 }))
        for (position, reply) in try await send(login).enumerated() {
            guard case .error(let message) = reply else { continue }
            // A server that does not let this user name its connection is no reason not to use it.
            if position >= needed, RefusalKind(message) != "NOAUTH" { continue }
            let error = TransportError(
                RefusalKind(message).isPassing ? .unavailable : .refused,
                "\(address.description) refuses: \(address.redaction(message))")
            cut()
            throw error
        }
    }

    /// Has `upkeep` asked before every write from now on. It is held weakly.
    func attach(_ upkeep: any Upkeep) {
        state.withLock { $0.upkeep = upkeep }
        thread.nudge()
    }

    /// Sends commands and returns their replies, errors of the server among them.
    ///
    /// - Throws: ``TransportError`` when the connection is lost, is closed, or does not answer in time.
    func send(_ pipeline: RedisPipeline) async throws -> [RESPValue] {
        try await withCheckedThrowingContinuation { continuation in
            submit(pipeline) { continuation.resume(with: $0) }
        }
    }

    /// Sends one command and returns its reply; an error of the server is thrown.
    func call(_ pipeline: RedisPipeline) async throws -> RESPValue {
        try await send(pipeline).value()
    }

    /// Sends commands; `completion` gets their replies, as a rule on the connection's thread.
    func submit(_ pipeline: RedisPipeline, _ completion: @escaping PendingCommand.Completion) {
        if pipeline.count == 0 { return completion(.success([])) }
        submit(PendingCommand(pipeline: pipeline, completion: completion))
    }

    private func submit(_ command: PendingCommand) {
        let (submission, failure) = state.withLock { state in
            (state.protocolState.submit(command, at: .now), state.protocolState.failure)
        }
        switch submission {
        case .write: write()
        // Only the first of a batch has to wake the thread.
        case .wake: thread.nudge()
        case .leave: break
        case nil: if let failure { command.completion(.failure(failure)) }
        }
    }

    /// Writes a subscriber's commands; what the server says to them arrives as messages.
    ///
    /// - Parameter commands: asked right before; nothing else can be written between the answer and the commands.
    func subscribe(_ commands: () -> RedisPipeline) throws {
        let failure = state.withLock { state in
            state.protocolState.submitUnanswered(commands()) ? nil : state.protocolState.failure
        }
        if let failure { throw failure }
        write()
    }

    private func submitUpkeep() {
        let upkeep = state.withLock { $0.upkeep }
        guard let command = upkeep?.commands(at: .now, isWriting: true) else { return }
        submit(command)
    }

    /// Waits until the server has answered what upkeep has to say now, and everything sent before.
    func flush() async throws {
        // On the thread, which may have asked for some already: what is still to be said goes before the question.
        await BlockingCalls(on: thread).run { self.submitUpkeep() }
        _ = try await withCheckedThrowingContinuation { continuation in
            submit(RedisPipeline("PING")) { continuation.resume(with: $0) }
            // The thread may sleep for longer than the answer may take, and was not asked to write the question.
            thread.nudge()
        }
    }

    /// Closes the connection once everything sent so far is answered.
    func close() async {
        if onMessages == nil, isOpen {
            state.withLock { [address] in $0.protocolState.sayGoodbye(until: .now + address.goodbyeTimeout) }
            do {
                try await flush()
            } catch {
                logger.debug("the connection was lost while it was being closed", metadata: ["error": "\(error)"])
            }
        }
        cut()
    }

    /// Gives the connection up: what it answers makes no sense, or it is no longer worth waiting for.
    func abandon(_ reason: String) {
        perform { $0.lose(reason) }
        thread.nudge()
    }

    /// Gives the connection up: the server has said that it cannot do what the connection is for, for now.
    func abandon(refusal: String) {
        perform { $0.refuse(refusal) }
        thread.nudge()
    }

    /// Closes the connection at once.
    func cut() {
        perform { $0.close() }
        thread.nudge()
    }

    /// Whether it is neither lost nor closed.
    var isOpen: Bool { state.withLock { $0.protocolState.failure == nil } }

    // MARK: Input and output

    /// Changes the state, and does what follows.
    private func perform(
        _ change: (inout RedisConnectionState) -> RedisConnectionState.Effects
    ) {
        let (effects, stream) = state.withLock { state in
            let effects = change(&state.protocolState)
            guard effects.loss != nil else { return (effects, (any ByteStream)?.none) }
            // Closed with the last reference to it, outside of the lock.
            defer { state.stream = nil }
            return (effects, state.stream)
        }
        defer { withExtendedLifetime(stream) {} }
        for (completion, result) in effects.completions { completion(result) }
        if !effects.messages.isEmpty { onMessages?(effects.messages) }
        if let loss = effects.loss { onLoss?(loss) }
    }

    /// Writes all there is, unless somebody else does so already and will see to it.
    private func write() {
        while true {
            let work = state.withLock { state -> (stream: any ByteStream, bytes: [UInt8], position: Int)? in
                guard let stream = state.stream, let (bytes, position) = state.protocolState.takeOutput() else {
                    return nil
                }
                return (stream, bytes, position)
            }
            guard let (stream, bytes, position) = work else { return }
            do {
                let end = try Self.write(bytes, from: position, to: stream)
                if state.withLock({ $0.protocolState.wrote(bytes, upTo: end) }) { continue }
            } catch {
                perform { $0.writingFailed(error) }
            }
            // The thread waits until there is room again. If it is the one that writes it will by itself; nudged, it
            // would only try again at once.
            if !thread.isCurrent { thread.nudge() }
            return
        }
    }

    /// Writes as much as the stream takes; up to where that was.
    private static func write(_ bytes: [UInt8], from start: Int, to stream: any ByteStream) throws -> Int {
        var written = start
        while written < bytes.count {
            let outcome = try bytes.withUnsafeBytes { bytes in
                try stream.write(UnsafeRawBufferPointer(rebasing: bytes[written...]))
            }
            guard case .bytes(let count) = outcome else { break }
            written += count
        }
        return written
    }

    /// Reads what has come and answers those who wait for it. On the thread only.
    private func read() {
        guard let stream = state.withLock({ $0.stream }) else { return }
        let (values, end) = reader.withLock { Self.read(from: stream, &$0) }
        perform { $0.received(values) }
        if let end { perform { $0.lose(end.reason, end.error) } }
    }

    private static func read(
        from stream: any ByteStream, _ reader: inout RESPReader
    ) -> (values: [RESPValue], end: (reason: String, error: (any Error)?)?) {
        var values: [RESPValue] = []
        let end: (String, (any Error)?)? = withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 16) { buffer in
            // Not until the stream is empty: a server that sends without end must not starve the callers.
            for _ in 0..<8 {
                do {
                    switch try stream.read(into: buffer) {
                    case .wouldBlock: return nil
                    case .endOfStream: return ("the server closed it", nil)
                    case .bytes(let count):
                        try reader.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                        while let value = try reader.next() { values.append(value) }
                        if count < buffer.count { return nil }
                    }
                } catch {
                    return ("\(error)", error)
                }
            }
            return nil
        }
        return (values, end)
    }
}

extension RedisConnection: ConnectionDriver {
    func prepareToWait() -> PollRequest {
        let now = ContinuousClock.now
        let (upkeep, isWriting) = state.withLock { state in
            (state.protocolState.failure == nil ? state.upkeep : nil, state.protocolState.hasOutput)
        }
        // Asked without the lock: it has one of its own, and may call back.
        let command = upkeep?.commands(at: now, isWriting: isWriting)
        let upkeepDeadline = upkeep?.nextDeadline
        if let command {
            let failure = state.withLock { state in
                state.protocolState.submit(command, at: now) == nil ? state.protocolState.failure : nil
            }
            if let failure { command.completion(.failure(failure)) }
        }
        if state.withLock({ $0.stream != nil }) { perform { $0.check(at: now) } }
        write()
        return state.withLock { state in
            guard let stream = state.stream else { return .nothing }
            let deadlines = [
                now + address.healthCheckInterval, upkeepDeadline, state.protocolState.nextDeadline,
            ]
            return PollRequest(
                descriptor: stream.descriptor, wantsRead: true, wantsWrite: state.protocolState.hasOutput,
                deadline: deadlines.compactMap { $0 }.min())
        }
    }

    func respond(isReadable: Bool, isWritable: Bool) {
        if isReadable { read() }
    }
}
