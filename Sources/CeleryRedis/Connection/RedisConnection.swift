internal import CeleryIO
internal import CeleryTransport
internal import DequeModule
internal import Logging

/// One connection to a Redis server: pipelined commands, or subscriptions.
///
/// What all callers send while the connection is busy goes out in one write of its thread. When it is idle a caller
/// writes at once, from its own thread: waking another one would take longer than the command. Once the connection is
/// lost, every call fails; the owner makes a new one.
final class RedisConnection: Sendable {
    typealias Completion = @Sendable (Result<[RESPValue], TransportError>) -> Void

    /// Commands, and what is called with their replies.
    struct PendingCommand: Sendable {
        let pipeline: RedisPipeline
        let completion: Completion
    }

    /// A group of replies that somebody waits for.
    private struct Pending {
        var missing: Int
        var replies: [RESPValue] = []
        let completion: Completion
        let deadline: ContinuousClock.Instant
    }

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
        /// Closed by whoever is the last to use it: writing and reading happen outside of the lock.
        var socket: Socket?
        var isWriting = false
        var isReading = false
        var output = OutputBuffer()
        var pending = Deque<Pending>()
        /// When the last answers must be there, once the connection is being closed.
        var goodbye: ContinuousClock.Instant?
        var failure: TransportError?
        var unansweredPing = false
        var nextPing: ContinuousClock.Instant?
        weak var upkeep: (any Upkeep)?
    }

    /// What is to be called once the lock is released.
    private struct Aftermath {
        var completions: [(completion: Completion, result: Result<[RESPValue], TransportError>)] = []
        var messages: [RESPValue] = []
        var loss: TransportError?
    }

    /// The server is there and says that it cannot serve anybody yet, or no more.
    private struct Unreadiness: Error {}

    /// So long is waited for the last answers when the connection is closed.
    private static let goodbyeTimeout = Duration.seconds(3)

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
            let descriptor = try await BlockingCalls(on: thread).run { () throws(IOError) in
                switch address.endpoint {
                case .tcp(let host, let port):
                    try Socket.connect(host: host, port: port, timeout: address.connectTimeout).release()
                case .unixSocket(let path): try Socket.connect(path: path, timeout: address.connectTimeout).release()
                }
            }
            connection.adopt(Socket(adopting: descriptor))
            try await connection.logIn(name: name)
            return connection
        } catch let error as IOError {
            throw TransportError(.unreachable, "\(error)", underlyingError: error)
        } catch let error as TransportError where error.code == .connectionLost {
            // It was never there. Who is told of a loss tries again at once, and this server has just said no.
            throw TransportError(
                error.underlyingError is Unreadiness ? .unavailable : .unreachable, error.message,
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
        state = Locked(State())
        self.reader = Locked(reader)
        try thread.start(driving: self)
    }

    deinit {
        fail(TransportError(.closed, "the connection was closed"))
        thread.stop()
    }

    private func adopt(_ socket: consuming Socket) {
        let descriptor = socket.release()
        state.withLock { state in
            state.socket = Socket(adopting: descriptor)
            if onMessages != nil { state.nextPing = .now + address.healthCheckInterval }
        }
        // It sleeps, and does not know of the socket yet.
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
            fail(error)
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
    func submit(_ pipeline: RedisPipeline, _ completion: @escaping Completion) {
        if pipeline.count == 0 { return completion(.success([])) }
        enum Step { case write, nudge, nothing }
        let (step, failure) = state.withLock { state -> (Step, TransportError?) in
            if let failure = state.failure { return (.nothing, failure) }
            let isIdle = state.pending.isEmpty && state.output.isEmpty && !state.isWriting
            let isFirst = state.output.isEmpty && !state.isWriting
            enqueue(PendingCommand(pipeline: pipeline, completion: completion), in: &state)
            return (isIdle ? .write : isFirst ? .nudge : .nothing, nil)
        }
        switch step {
        case .write: write()
        // Only the first of a batch has to wake the thread; whoever writes at the moment looks for more.
        case .nudge: thread.nudge()
        case .nothing: break
        }
        if let failure { completion(.failure(failure)) }
    }

    /// Writes a subscriber's commands; what the server says to them arrives as messages.
    ///
    /// - Parameter commands: asked right before; nothing else can be written between the answer and the commands.
    func subscribe(_ commands: () -> RedisPipeline) throws {
        let failure = state.withLock { state -> TransportError? in
            if state.failure == nil { state.output.append(commands().bytes) }
            return state.failure
        }
        if let failure { throw failure }
        write()
    }

    private func submitUpkeep() {
        let upkeep = state.withLock { $0.upkeep }
        guard let command = upkeep?.commands(at: .now, isWriting: true) else { return }
        submit(command.pipeline, command.completion)
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
        if onMessages == nil, state.withLock({ $0.failure == nil }) {
            state.withLock { $0.goodbye = .now + Self.goodbyeTimeout }
            do {
                try await flush()
            } catch {
                logger.debug("the connection was lost while it was being closed", metadata: ["error": "\(error)"])
            }
        }
        fail(TransportError(.closed, "the connection was closed"))
    }

    /// Gives the connection up: what it answers makes no sense, or it is no longer worth waiting for.
    func abandon(_ reason: String) {
        var aftermath = Aftermath()
        state.withLock { lose(reason, nil, &$0, &aftermath) }
        finish(aftermath)
        thread.nudge()
    }

    /// Closes the connection at once.
    func cut() {
        fail(TransportError(.closed, "the connection was closed"))
    }

    /// Whether it is neither lost nor closed.
    var isOpen: Bool { state.withLock { $0.failure == nil } }

    private func enqueue(_ command: PendingCommand, in state: inout State) {
        state.output.append(command.pipeline.bytes)
        state.pending.append(
            Pending(
                missing: command.pipeline.count, completion: command.completion, deadline: .now + address.replyTimeout))
    }

    // MARK: Under the lock

    private func fail(_ error: TransportError, _ state: inout State, _ aftermath: inout Aftermath) {
        guard state.failure == nil else { return }
        state.failure = error
        closeSocketIfUnused(&state)
        state.output.removeAll()
        for entry in state.pending { aftermath.completions.append((entry.completion, .failure(error))) }
        state.pending.removeAll()
        aftermath.loss = error
    }

    private func lose(
        _ reason: String, _ underlyingError: (any Error)? = nil, _ state: inout State, _ aftermath: inout Aftermath
    ) {
        let error = TransportError(
            .connectionLost, "the connection to \(address.description) is lost: \(reason)",
            underlyingError: underlyingError)
        fail(error, &state, &aftermath)
    }

    private func closeSocketIfUnused(_ state: inout State) {
        if state.failure != nil, !state.isWriting, !state.isReading { state.socket = nil }
    }

    private func handle(_ value: RESPValue, _ state: inout State, _ aftermath: inout Aftermath) {
        if onMessages != nil, state.pending.isEmpty {
            state.unansweredPing = false
            return aftermath.messages.append(value)
        }
        if case .error(let message) = value, RefusalKind(message).isOfThisServer || RefusalKind.isServerFull(message) {
            return lose(message, Unreadiness(), &state, &aftermath)
        }
        guard var entry = state.pending.popFirst() else {
            return lose("it sent a reply that nobody asked for", nil, &state, &aftermath)
        }
        entry.missing -= 1
        entry.replies.append(value)
        if entry.missing > 0 {
            state.pending.prepend(entry)
        } else {
            aftermath.completions.append((entry.completion, .success(entry.replies)))
        }
    }

    /// When the next answer must be there; whoever asked first is answered first.
    private static func answerDue(_ state: borrowing State) -> ContinuousClock.Instant? {
        guard let due = state.pending.first?.deadline else { return nil }
        return min(due, state.goodbye ?? due)
    }

    private func checkDeadlines(
        _ now: ContinuousClock.Instant, _ state: inout State, _ aftermath: inout Aftermath
    ) {
        if let due = Self.answerDue(state), due <= now {
            lose("it does not answer", nil, &state, &aftermath)
        } else if let due = state.nextPing, due <= now {
            if state.unansweredPing {
                lose("it does not answer", nil, &state, &aftermath)
            } else {
                state.unansweredPing = true
                state.nextPing = now + address.healthCheckInterval
                state.output.append(RedisPipeline("PING").bytes)
            }
        }
    }

    // MARK: Outside of the lock

    /// Writes all there is, unless somebody else does so already and will see to it.
    private func write() {
        while true {
            let work = state.withLock { state -> (descriptor: Int32, bytes: [UInt8], position: Int)? in
                guard state.failure == nil, !state.isWriting, !state.output.isEmpty,
                    let descriptor = state.socket?.descriptor
                else { return nil }
                state.isWriting = true
                let (bytes, position) = state.output.take()
                return (descriptor, bytes, position)
            }
            guard let (descriptor, bytes, position) = work else { return }
            let outcome = Result { try Self.write(bytes, from: position, to: descriptor) }
            var aftermath = Aftermath()
            let isBlocked = state.withLock { state in
                state.isWriting = false
                defer { closeSocketIfUnused(&state) }
                guard state.failure == nil else { return true }
                switch outcome {
                case .success(bytes.count): return false
                case .success(let written):
                    state.output.giveBack(bytes, position: written)
                    return true
                case .failure(let error):
                    lose("\(error)", error, &state, &aftermath)
                    return true
                }
            }
            finish(aftermath)
            guard isBlocked else { continue }
            // The thread waits until there is room again. If it is the one that writes it will by itself; nudged, it
            // would only try again at once.
            if !thread.isCurrent { thread.nudge() }
            return
        }
    }

    /// Writes as much as the socket takes; up to where that was.
    private static func write(_ bytes: [UInt8], from start: Int, to descriptor: Int32) throws -> Int {
        var written = start
        while written < bytes.count {
            let outcome = try bytes.withUnsafeBytes { bytes in
                try Socket.write(UnsafeRawBufferPointer(rebasing: bytes[written...]), to: descriptor)
            }
            guard case .bytes(let count) = outcome else { break }
            written += count
        }
        return written
    }

    /// Reads what has come and answers those who wait for it. On the thread only.
    private func read() {
        let descriptor = state.withLock { state -> Int32? in
            guard state.failure == nil, let descriptor = state.socket?.descriptor else { return nil }
            state.isReading = true
            return descriptor
        }
        guard let descriptor else { return }
        let (values, end) = reader.withLock { Self.read(from: descriptor, &$0) }
        var aftermath = Aftermath()
        state.withLock { state in
            state.isReading = false
            for value in values where state.failure == nil { handle(value, &state, &aftermath) }
            if let end { lose(end.reason, end.error, &state, &aftermath) }
            closeSocketIfUnused(&state)
        }
        finish(aftermath)
    }

    private static func read(
        from descriptor: Int32, _ reader: inout RESPReader
    ) -> (values: [RESPValue], end: (reason: String, error: (any Error)?)?) {
        var values: [RESPValue] = []
        let end: (String, (any Error)?)? = withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 16) { buffer in
            // Not until the socket is empty: a server that sends without end must not starve the callers.
            for _ in 0..<8 {
                do {
                    switch try Socket.read(from: descriptor, into: buffer) {
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

    private func fail(_ error: TransportError) {
        var aftermath = Aftermath()
        state.withLock { fail(error, &$0, &aftermath) }
        finish(aftermath)
    }

    private func finish(_ aftermath: Aftermath) {
        for (completion, result) in aftermath.completions { completion(result) }
        if !aftermath.messages.isEmpty { onMessages?(aftermath.messages) }
        if let loss = aftermath.loss { onLoss?(loss) }
    }
}

extension RedisConnection: ConnectionDriver {
    func prepareToWait() -> PollRequest {
        let now = ContinuousClock.now
        let (upkeep, isWriting) = state.withLock { state in
            (state.failure == nil ? state.upkeep : nil, !state.output.isEmpty)
        }
        // Asked without the lock: it has one of its own, and may call back.
        let command = upkeep?.commands(at: now, isWriting: isWriting)
        let upkeepDeadline = upkeep?.nextDeadline
        var aftermath = Aftermath()
        state.withLock { state in
            if let command {
                if let failure = state.failure {
                    aftermath.completions.append((command.completion, .failure(failure)))
                } else {
                    enqueue(command, in: &state)
                }
            }
            guard state.failure == nil, state.socket != nil else { return }
            checkDeadlines(now, &state, &aftermath)
        }
        finish(aftermath)
        write()
        return state.withLock { state in
            guard state.failure == nil, let descriptor = state.socket?.descriptor else { return .nothing }
            let deadlines = [now + address.healthCheckInterval, upkeepDeadline, state.nextPing, Self.answerDue(state)]
            return PollRequest(
                descriptor: descriptor, wantsRead: true, wantsWrite: !state.output.isEmpty && !state.isWriting,
                deadline: deadlines.compactMap { $0 }.min())
        }
    }

    func respond(isReadable: Bool, isWritable: Bool) {
        if isReadable { read() }
    }
}
