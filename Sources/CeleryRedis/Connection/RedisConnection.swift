internal import CeleryIO
internal import CeleryTransport
internal import DequeModule
internal import Logging
internal import Synchronization

/// One connection to a Redis server: pipelined commands, or subscriptions.
///
/// What all callers send in one turn of the connection's thread goes out in one write. Once the connection is lost,
/// every call fails; the owner makes a new one.
actor RedisConnection {
    /// A group of replies that somebody waits for, or nobody.
    private struct Pending {
        var missing: Int
        var replies: [RESPValue] = []
        let continuation: CheckedContinuation<[RESPValue], any Error>?
        let deadline: ContinuousClock.Instant
    }

    /// What a connection does of its own accord, asked on its thread before every write.
    protocol Upkeep: AnyObject, Sendable {
        /// Commands to send now, whose replies only matter when they are errors.
        ///
        /// - Parameter isWriting: whether other commands are about to be written, so that more cost little.
        func commands(at now: ContinuousClock.Instant, isWriting: Bool) -> RedisPipeline?
        /// When to ask again, if nothing else happens before.
        var nextDeadline: ContinuousClock.Instant? { get }
    }

    private static let connectTimeout = Duration.seconds(10)
    /// After so long without an answer the peer counts as gone.
    private static let replyTimeout = Duration.seconds(20)
    /// A connection that only listens is checked so often.
    private static let pingInterval = Duration.seconds(25)

    nonisolated let thread: ConnectionThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let address: RedisAddress
    private let logger: Logger
    private let onPush: (@Sendable (RESPValue) -> Void)?
    private let onLoss: (@Sendable (TransportError) -> Void)?
    private weak var upkeep: (any Upkeep)?
    private var socket: Socket?
    private var reader: RESPReader
    private var output: [UInt8] = []
    private var written = 0
    private var pending = Deque<Pending>()
    private var failure: TransportError?
    private var nextPing: ContinuousClock.Instant?
    private var unansweredPing = false

    /// Connects and logs in.
    ///
    /// - Parameters:
    ///   - onPush: makes this a subscriber's connection: gets every message, on the connection's thread.
    ///   - onLoss: called once, when the connection is lost or closed.
    static func open(
        _ address: RedisAddress,
        name: String,
        logger: Logger,
        onPush: (@Sendable (RESPValue) -> Void)? = nil,
        onLoss: (@Sendable (TransportError) -> Void)? = nil
    ) async throws -> RedisConnection {
        guard let reader = RESPReader() else { throw TransportError(.unreachable, "no memory for a connection") }
        let connection: RedisConnection
        do {
            connection = try RedisConnection(
                address, reader: reader, name: name, logger: logger, onPush: onPush, onLoss: onLoss)
        } catch {
            throw TransportError(.unreachable, "\(error)", underlyingError: error)
        }
        try await connection.connect(name: name)
        return connection
    }

    private init(
        _ address: RedisAddress,
        reader: consuming RESPReader,
        name: String,
        logger: Logger,
        onPush: (@Sendable (RESPValue) -> Void)?,
        onLoss: (@Sendable (TransportError) -> Void)?
    ) throws(IOError) {
        self.address = address
        self.reader = reader
        self.logger = logger
        self.onPush = onPush
        self.onLoss = onLoss
        thread = try ConnectionThread(name: name)
        try thread.start(driving: self)
    }

    isolated deinit {
        fail(TransportError(.closed, "the connection was closed"))
        thread.stop()
    }

    private func connect(name: String) async throws {
        do {
            switch address.endpoint {
            case .tcp(let host, let port):
                socket = try Socket.connect(host: host, port: port, timeout: Self.connectTimeout)
            case .unixSocket(let path):
                socket = try Socket.connect(path: path, timeout: Self.connectTimeout)
            }
        } catch {
            let error = TransportError(.unreachable, "\(error)", underlyingError: error)
            fail(error)
            throw error
        }
        var login = RedisPipeline()
        if let password = address.password {
            if let user = address.user {
                login.append("AUTH", user, password)
            } else {
                login.append("AUTH", password)
            }
        }
        if address.database != 0 { login.append("SELECT", String(address.database)) }
        login.append("CLIENT", "SETNAME", String(name.map { $0.isWhitespace ? "-" : $0 }))
        for case .error(let message) in try await reply(to: login, timeout: Self.replyTimeout) {
            // A server that does not know CLIENT is no reason not to use it.
            if message.contains("CLIENT") || message.hasPrefix("ERR unknown") { continue }
            let error = TransportError(.refused, "\(address.description) refuses: \(message)")
            fail(error)
            throw error
        }
        if onPush != nil { nextPing = .now + Self.pingInterval }
    }

    /// Has `upkeep` asked before every write from now on. It is held weakly.
    func attach(_ upkeep: any Upkeep) {
        self.upkeep = upkeep
    }

    /// Sends commands and returns their replies, errors of the server among them.
    ///
    /// - Throws: ``TransportError`` when the connection is lost, is closed, or does not answer in time.
    func send(_ pipeline: RedisPipeline) async throws -> [RESPValue] {
        try await reply(to: pipeline, timeout: Self.replyTimeout)
    }

    /// Sends one command and returns its reply; an error of the server is thrown.
    func call(_ pipeline: RedisPipeline) async throws -> RESPValue {
        let replies = try await reply(to: pipeline, timeout: Self.replyTimeout)
        for case .error(let message) in replies { throw TransportError(.rejected, "Redis refuses: \(message)") }
        return replies.last ?? .null
    }

    /// Writes a subscriber's commands; what the server says to them arrives as messages.
    func subscribe(_ pipeline: RedisPipeline) throws {
        if let failure { throw failure }
        output.append(contentsOf: pipeline.bytes)
    }

    /// Closes the connection once everything sent so far is answered.
    func close() async {
        if failure == nil, onPush == nil {
            do {
                _ = try await reply(to: RedisPipeline("PING"), timeout: .seconds(5))
            } catch {
                logger.debug("the connection was lost while it was being closed", metadata: ["error": "\(error)"])
            }
        }
        fail(TransportError(.closed, "the connection was closed"))
    }

    private func reply(to pipeline: RedisPipeline, timeout: Duration) async throws -> [RESPValue] {
        if let failure { throw failure }
        return try await withCheckedThrowingContinuation { continuation in
            enqueue(pipeline, continuation, timeout: timeout)
        }
    }

    private func enqueue(
        _ pipeline: RedisPipeline,
        _ continuation: CheckedContinuation<[RESPValue], any Error>?,
        timeout: Duration
    ) {
        output.append(contentsOf: pipeline.bytes)
        pending.append(Pending(missing: pipeline.count, continuation: continuation, deadline: .now + timeout))
    }

    private func fail(_ error: TransportError) {
        guard failure == nil else { return }
        failure = error
        socket = nil
        output.removeAll()
        written = 0
        let abandoned = pending
        pending.removeAll()
        for entry in abandoned { entry.continuation?.resume(throwing: error) }
        onLoss?(error)
    }

    private func lost(_ reason: String, _ underlyingError: (any Error)? = nil) {
        fail(
            TransportError(
                .connectionLost, "the connection to \(address.description) is lost: \(reason)",
                underlyingError: underlyingError))
    }
}

extension RedisConnection: ConnectionDriver {
    func willWait() -> PollRequest {
        guard failure == nil, socket != nil else { return .nothing }
        let now = ContinuousClock.now
        if let commands = upkeep?.commands(at: now, isWriting: written < output.count), commands.count > 0 {
            enqueue(commands, nil, timeout: Self.replyTimeout)
        }
        checkDeadlines(now)
        flush()
        guard let descriptor = socket?.descriptor else { return .nothing }
        var deadline = pending.first?.deadline
        for other in [upkeep?.nextDeadline, nextPing] {
            if let other { deadline = deadline.map { min($0, other) } ?? other }
        }
        return PollRequest(
            descriptor: descriptor, wantsRead: true, wantsWrite: written < output.count, deadline: deadline)
    }

    func didWake(isReadable: Bool, isWritable: Bool) {
        if isReadable { receive() }
    }

    private func checkDeadlines(_ now: ContinuousClock.Instant) {
        if let first = pending.first, first.deadline <= now {
            lost("no answer within \(Self.replyTimeout)")
        } else if let due = nextPing, due <= now {
            if unansweredPing {
                lost("no answer within \(Self.pingInterval)")
            } else {
                unansweredPing = true
                nextPing = now + Self.pingInterval
                output.append(contentsOf: RedisPipeline("PING").bytes)
            }
        }
    }

    private func flush() {
        while socket != nil, written < output.count {
            do {
                let outcome = try output.withUnsafeBytes { bytes throws(IOError) -> Socket.Outcome in
                    try socket?.write(UnsafeRawBufferPointer(rebasing: bytes[written...])) ?? .endOfStream
                }
                guard case .bytes(let count) = outcome else { return }
                written += count
            } catch {
                lost("\(error)", error)
            }
        }
        if written == output.count {
            output.removeAll(keepingCapacity: output.capacity <= 1 << 20)
            written = 0
        }
    }

    private func receive() {
        withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 16) { buffer in
            // Not until the socket is empty: a server that sends without end must not starve the jobs.
            for _ in 0..<8 where socket != nil {
                do {
                    switch try socket?.read(into: buffer) ?? .endOfStream {
                    case .wouldBlock: return
                    case .endOfStream: return lost("the server closed it")
                    case .bytes(let count):
                        try reader.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                        while let value = try reader.next() { handle(value) }
                        if count < buffer.count { return }
                    }
                } catch {
                    return lost("\(error)", error)
                }
            }
        }
    }

    private func handle(_ value: RESPValue) {
        if let onPush, pending.isEmpty {
            unansweredPing = false
            return onPush(value)
        }
        guard var entry = pending.popFirst() else { return lost("it sent a reply that nobody asked for") }
        if case .error(let message) = value {
            // After a failover the old master only reads: a new connection may find the new one.
            if message.hasPrefix("READONLY") {
                entry.continuation?.resume(throwing: TransportError(.connectionLost, message))
                return lost(message)
            }
            if entry.continuation == nil {
                logger.error("Redis refused a command", metadata: ["error": "\(message)"])
            }
        }
        if entry.missing == 1 && entry.replies.isEmpty {
            entry.continuation?.resume(returning: [value])
            return
        }
        entry.missing -= 1
        if entry.continuation != nil { entry.replies.append(value) }
        if entry.missing == 0 {
            entry.continuation?.resume(returning: entry.replies)
        } else {
            pending.prepend(entry)
        }
    }
}
