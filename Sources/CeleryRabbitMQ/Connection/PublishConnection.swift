internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import DequeModule
internal import Logging

/// The connection of a producer: publishes with confirms on one channel, declares queues on a second one, so that a
/// declaration which the server refuses closes nothing but that second channel.
actor PublishConnection: ConnectionActor {
    static let publishChannel: UInt16 = 1
    static let declareChannel: UInt16 = 2
    /// Publishes under way at most; more wait for their turn here.
    private static let unconfirmedLimit = 10_000
    /// How long ``close()`` waits for confirmations, and then for the server's goodbye.
    private static let drainTimeout = Duration.seconds(10)
    private static let goodbyeTimeout = Duration.seconds(2)

    private typealias Continuation = CheckedContinuation<Void, any Error>

    private nonisolated let thread: ConnectionThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    let logger: Logger
    var link: AMQPLink?
    /// Why there is no link, or no new work any more.
    private var ending: TransportError?
    var isPublishChannelOpen = false
    var isDeclareChannelOpen = false
    private var lastID: UInt64 = 0
    /// The publishes whose callers wait.
    private var open: [UInt64: PendingPublish] = [:]
    var unconfirmed = ConfirmTracker<PendingPublish>()
    /// Those that may be written as soon as the server takes them; some of them may have ended.
    private var waiting: Deque<PendingPublish> = []
    private var endedWaiting = 0
    private var declared: Set<Queue> = []
    /// Those that wait for the declaration of their queue.
    private var undeclared: [Queue: [PendingPublish]] = [:]
    private var isDeclaring = false
    private var declarationTurns: Deque<CheckedContinuation<Void, Never>> = []
    private var drained: Continuation?
    private var closingDeadline: ContinuousClock.Instant?
    /// How long a confirmation may take. A quorum queue without a majority confirms nothing.
    private let confirmTimeout: Duration

    init(logger: Logger, confirmTimeout: Duration = .seconds(30)) throws(TransportError) {
        self.logger = logger
        self.confirmTimeout = confirmTimeout
        do throws(IOError) {
            thread = try ConnectionThread(name: "amqp-publish")
            try thread.start(driving: self)
        } catch {
            throw TransportError(.unreachable, error.description, underlyingError: error)
        }
    }

    isolated deinit {
        thread.stop()
    }

    /// Connects with `connect`, which may block, and opens the channel for publishing.
    func open(_ connect: @Sendable () throws(TransportError) -> AMQPLink) async throws {
        link = try connect()
        try await openPublishChannel()
    }

    func openPublishChannel() async throws {
        try await ask([.channelOpenOK, .confirmSelectOK], channel: Self.publishChannel) { output in
            output.channelOpen(Self.publishChannel)
            output.confirmSelect(Self.publishChannel)
        }
        isPublishChannelOpen = true
    }

    /// Sends a question and waits for its answers.
    private func ask(
        _ expected: [MethodID],
        channel: UInt16,
        _ write: (inout WireWriter) throws(TransportError) -> Void
    ) async throws {
        guard let link else { throw ending ?? Self.closed }
        try write(&link.output)
        try await withCheckedThrowingContinuation { link.expect(expected, channel: channel, $0) }
    }

    // MARK: - Publishing

    func publish(_ message: Message, to destination: Destination) async throws {
        if let ending { throw ending }
        lastID += 1
        let id = lastID
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: Continuation) in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                let publish = PendingPublish(
                    id: id, message: message, destination: destination, continuation: continuation)
                open[id] = publish
                declareAndSend(publish)
            }
        } onCancel: {
            // Cancellation may come from any thread; a task is the way onto the connection's.
            Task { await self.cancel(id) }
        }
    }

    private func declareAndSend(_ publish: PendingPublish) {
        guard let queue = publish.destination.queue, !declared.contains(queue) else { return send(publish) }
        let isFirst = undeclared[queue] == nil
        undeclared[queue, default: []].append(publish)
        // On its own: a caller that is cancelled must not fail the others.
        if isFirst { Task { await self.declare(queue) } }
    }

    private func send(_ publish: PendingPublish) {
        if mayWrite, waiting.isEmpty {
            write(publish)
        } else {
            waiting.append(publish)
        }
    }

    private var mayWrite: Bool {
        guard let link else { return false }
        return isPublishChannelOpen && !link.isBlocked && unconfirmed.count < Self.unconfirmedLimit && !link.isCongested
    }

    private func write(_ publish: PendingPublish) {
        guard let link else { return }
        do throws(TransportError) {
            try link.output.publish(
                publish.message,
                exchange: publish.destination.exchange,
                routingKey: publish.destination.routingKey,
                isMandatory: publish.isMandatory,
                channel: Self.publishChannel,
                frameMax: link.agreement.frameMax
            )
            publish.writtenAt = .now
            unconfirmed.append(publish)
        } catch {
            end(publish, .failure(error))
        }
    }

    private func writeWaiting() {
        while mayWrite, let publish = waiting.popFirst() {
            if publish.hasEnded {
                endedWaiting -= 1
            } else {
                write(publish)
            }
        }
    }

    func end(_ publish: PendingPublish, _ result: Result<Void, any Error>) {
        open[publish.id] = nil
        publish.end(result)
    }

    /// Ends the caller's wait. What was written stays written.
    private func cancel(_ id: UInt64) {
        guard let publish = open[id] else { return }
        end(publish, .failure(CancellationError()))
        guard publish.writtenAt == nil else { return }
        // Looked for now and then only: many may be cancelled at once.
        endedWaiting += 1
        if endedWaiting * 2 > waiting.count {
            waiting.removeAll { $0.hasEnded }
            endedWaiting = 0
        }
    }

    func confirmed(_ publish: PendingPublish) {
        guard publish.isReturned else { return end(publish, .success(())) }
        if publish.hasEnded { return }
        guard !publish.isSecondTry, let queue = publish.destination.queue else {
            let reason = "no queue takes a message for \(publish.destination.routingKey)"
            return end(publish, .failure(TransportError(.rejected, reason)))
        }
        // The queue was deleted, or has expired, since it was declared here.
        publish.isReturned = false
        publish.isSecondTry = true
        publish.writtenAt = nil
        declared.remove(queue)
        declareAndSend(publish)
    }

    // MARK: - Declaring

    private func declare(_ queue: Queue) async {
        do {
            try await sendDeclaration(of: queue)
            declared.insert(queue)
            for publish in undeclared.removeValue(forKey: queue) ?? [] where !publish.hasEnded { send(publish) }
        } catch {
            for publish in undeclared.removeValue(forKey: queue) ?? [] { end(publish, .failure(error)) }
        }
    }

    /// One at a time: a refusal closes the channel, and it must be clear whose refusal it was.
    private func sendDeclaration(of queue: Queue) async throws {
        if isDeclaring { await withCheckedContinuation { declarationTurns.append($0) } }
        isDeclaring = true
        defer {
            // Handed over as it is: a call that comes in between has to wait behind those that wait.
            if let next = declarationTurns.popFirst() { next.resume() } else { isDeclaring = false }
        }
        guard let link else { throw ending ?? Self.closed }
        // Written as a whole or not at all.
        var declaration = WireWriter()
        var expected = try declaration.declare(queue, channel: Self.declareChannel)
        if !isDeclareChannelOpen {
            isDeclareChannelOpen = true
            link.output.channelOpen(Self.declareChannel)
            expected.insert(.channelOpenOK, at: 0)
        }
        try await ask(expected, channel: Self.declareChannel) { $0.bytes.append(contentsOf: declaration.bytes) }
    }

    // MARK: - Closing

    /// Waits for the confirmations under way, says goodbye and closes; all of it for a bounded time.
    func close() async {
        guard ending == nil else { return }
        ending = Self.closed
        do {
            if !isDrained {
                closingDeadline = .now + Self.drainTimeout
                try await withCheckedThrowingContinuation { drained = $0 }
            }
            closingDeadline = .now + Self.goodbyeTimeout
            try await ask([.connectionCloseOK], channel: 0) { writer throws(TransportError) in
                try writer.connectionClose()
            }
        } catch {
            logger.debug("the connection was closed without a goodbye", metadata: ["error": "\(error)"])
        }
        fail(Self.closed)
    }

    private var isDrained: Bool { open.isEmpty && unconfirmed.count == 0 }

    func fail(_ error: TransportError) {
        if ending == nil { ending = error }
        guard let link else { return }
        self.link = nil
        closingDeadline = nil
        isPublishChannelOpen = false
        link.failReplies(error)
        for publish in open.values { publish.end(.failure(error)) }
        open.removeAll()
        _ = unconfirmed.removeAll()
        waiting.removeAll()
        undeclared.removeAll()
        drained?.resume(throwing: error)
        drained = nil
    }

    private static let closed = TransportError(.closed, "the producer was closed")

    // MARK: - On the thread

    func willWait() -> PollRequest {
        guard let link else { return .nothing }
        do throws(TransportError) {
            try link.flush()
            writeWaiting()
            try link.flush()
        } catch {
            fail(error)
            return .nothing
        }
        if isDrained, let drained {
            self.drained = nil
            drained.resume()
        }
        return link.pollRequest(until: [closingDeadline, confirmDeadline].compactMap { $0 }.min())
    }

    private var confirmDeadline: ContinuousClock.Instant? {
        link?.deadline(after: confirmTimeout, from: unconfirmed.oldest?.writtenAt)
    }

    func didWake(isReadable: Bool, isWritable: Bool) {
        guard let link else { return }
        if let closingDeadline, closingDeadline <= .now {
            return fail(TransportError(.connectionLost, "the server did not answer while closing"))
        }
        do throws(TransportError) {
            if isReadable {
                for event in try link.receive() { try handle(event) }
            }
            if let confirmDeadline, confirmDeadline <= .now {
                throw TransportError(.connectionLost, "RabbitMQ has not confirmed a message for \(confirmTimeout)")
            }
        } catch {
            fail(error)
        }
    }
}
