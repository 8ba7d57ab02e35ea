internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import DequeModule
internal import Logging

/// The connection of a producer: publishes with confirms on one channel, declares queues on a second one, so that a
/// declaration which the server refuses closes nothing but that second channel.
actor PublishConnection: ConnectionActor {
    private static let publishChannel: UInt16 = 1
    private static let declareChannel: UInt16 = 2
    /// Publishes under way at most; more wait for their turn here.
    private static let unconfirmedLimit = 10_000
    /// How long ``close()`` waits for confirmations, and then for the server's goodbye.
    private static let drainTimeout = Duration.seconds(10)
    private static let goodbyeTimeout = Duration.seconds(2)

    private typealias Continuation = CheckedContinuation<Void, any Error>

    /// A publish that waits for its confirmation.
    private struct Publish {
        let id: UInt64
        let exchange: String
        /// `nil` once the caller was cancelled.
        var continuation: Continuation?
    }

    /// A publish that waits for being written.
    private struct Waiting {
        let publish: Publish
        let message: Message
        let routingKey: String
    }

    private enum Declaration {
        case done
        case underway([Continuation])
    }

    private nonisolated let thread: ConnectionThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    private let logger: Logger
    private var link: AMQPLink?
    /// Why there is no link, or no new work any more.
    private var ending: TransportError?
    private var isPublishChannelOpen = false
    private var isDeclareChannelOpen = false
    private var isBlocked = false
    private var lastID: UInt64 = 0
    private var unconfirmed = ConfirmTracker<Publish>()
    private var waiting: Deque<Waiting> = []
    private var declarations: [Queue: Declaration] = [:]
    private var isDeclaring = false
    private var declarationTurns: Deque<CheckedContinuation<Void, Never>> = []
    private var drained: Continuation?
    private var closingDeadline: ContinuousClock.Instant?

    init(logger: Logger) throws(TransportError) {
        self.logger = logger
        do throws(IOError) {
            thread = try ConnectionThread(name: "amqp-publish", stackSize: AMQPHandle.stackSize)
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

    private func openPublishChannel() async throws {
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
        if let queue = destination.queue { try await declare(queue) }
        if let ending { throw ending }
        lastID += 1
        let id = lastID
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let publish = Publish(id: id, exchange: destination.exchange, continuation: continuation)
                let item = Waiting(publish: publish, message: message, routingKey: destination.routingKey)
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else if mayWrite, waiting.isEmpty {
                    write(item)
                } else {
                    waiting.append(item)
                }
            }
        } onCancel: {
            // Cancellation may come from any thread; a task is the way onto the connection's.
            Task { await self.cancel(id) }
        }
    }

    private var mayWrite: Bool {
        isPublishChannelOpen && !isBlocked && unconfirmed.count < Self.unconfirmedLimit && link?.isCongested == false
    }

    private func write(_ item: Waiting) {
        guard let link else { return }
        do throws(TransportError) {
            try link.output.publish(
                item.message,
                exchange: item.publish.exchange,
                routingKey: item.routingKey,
                channel: Self.publishChannel,
                frameMax: link.agreement.frameMax
            )
            unconfirmed.append(item.publish)
        } catch {
            item.publish.continuation?.resume(throwing: error)
        }
    }

    /// Ends the caller's wait. What was written stays written.
    private func cancel(_ id: UInt64) {
        if let index = waiting.firstIndex(where: { $0.publish.id == id }) {
            waiting.remove(at: index).publish.continuation?.resume(throwing: CancellationError())
        } else {
            unconfirmed.update(where: { $0.id == id }) { publish in
                publish.continuation?.resume(throwing: CancellationError())
                publish.continuation = nil
            }
        }
    }

    // MARK: - Declaring

    private func declare(_ queue: Queue) async throws {
        switch declarations[queue] {
        case .done:
            return
        case .underway(let others):
            try await withCheckedThrowingContinuation { declarations[queue] = .underway(others + [$0]) }
        case nil:
            declarations[queue] = .underway([])
            do {
                try await sendDeclaration(of: queue)
                for other in endDeclaration(of: queue, as: .done) { other.resume() }
            } catch {
                for other in endDeclaration(of: queue, as: nil) { other.resume(throwing: error) }
                throw error
            }
        }
    }

    /// Returns who else has waited for it.
    private func endDeclaration(of queue: Queue, as outcome: Declaration?) -> [Continuation] {
        defer { declarations[queue] = outcome }
        if case .underway(let others) = declarations[queue] { return others }
        return []
    }

    /// One at a time: a refusal closes the channel, and it must be clear whose refusal it was.
    private func sendDeclaration(of queue: Queue) async throws {
        if isDeclaring { await withCheckedContinuation { declarationTurns.append($0) } }
        isDeclaring = true
        defer {
            isDeclaring = false
            declarationTurns.popFirst()?.resume()
        }
        if let ending { throw ending }
        guard let link else { throw Self.closed }
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
            if unconfirmed.count > 0 || !waiting.isEmpty {
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

    private func fail(_ error: TransportError) {
        if ending == nil { ending = error }
        guard let link else { return }
        self.link = nil
        closingDeadline = nil
        isPublishChannelOpen = false
        link.failReplies(error)
        for publish in unconfirmed.removeAll() { publish.continuation?.resume(throwing: error) }
        for item in waiting { item.publish.continuation?.resume(throwing: error) }
        waiting.removeAll()
        drained?.resume(throwing: error)
        drained = nil
    }

    private static let closed = TransportError(.closed, "the producer was closed")

    // MARK: - On the thread

    func willWait() -> PollRequest {
        guard let link else { return .nothing }
        do throws(TransportError) {
            try link.flush()
            while mayWrite, let item = waiting.popFirst() { write(item) }
            try link.flush()
        } catch {
            fail(error)
            return .nothing
        }
        if unconfirmed.count == 0, waiting.isEmpty, let drained {
            self.drained = nil
            drained.resume()
        }
        return link.pollRequest(until: closingDeadline)
    }

    func didWake(isReadable: Bool, isWritable: Bool) {
        guard let link else { return }
        if let closingDeadline, closingDeadline <= .now {
            return fail(TransportError(.connectionLost, "the server did not answer while closing"))
        }
        guard isReadable else { return }
        do throws(TransportError) {
            for event in try link.receive() { try handle(event) }
        } catch {
            fail(error)
        }
    }

    private func handle(_ event: ServerEvent) throws(TransportError) {
        switch event {
        case .confirmation(let tag, let multiple, let isPositive):
            for publish in unconfirmed.resolve(tag, multiple: multiple) {
                if isPositive {
                    publish.continuation?.resume()
                } else {
                    publish.continuation?.resume(
                        throwing: TransportError(.rejected, "RabbitMQ did not take the message")
                    )
                }
            }
        case .blocked(let reason):
            isBlocked = true
            logger.warning("RabbitMQ takes no messages at present", metadata: ["reason": "\(reason)"])
        case .unblocked:
            isBlocked = false
            logger.info("RabbitMQ takes messages again")
        case .channelClosed(let fault, Self.declareChannel):
            isDeclareChannelOpen = false
            link?.output.method(.channelCloseOK, channel: Self.declareChannel)
            link?.failReplies(TransportError(fault), channel: Self.declareChannel)
        case .channelClosed(let fault, let channel):
            link?.output.method(.channelCloseOK, channel: channel)
            publishChannelClosed(fault)
        case .connectionClosed(let fault):
            link?.output.method(.connectionCloseOK, channel: 0)
            try link?.flush()
            throw TransportError(.connectionLost, "RabbitMQ closed the connection: \(fault.text)")
        case .returned(let fault):
            logger.warning("RabbitMQ gave a message back", metadata: ["reason": "\(fault.text)"])
        case .delivery, .consumerCancelled, .flow, .reply, .heartbeat:
            break
        }
    }

    /// The server closes the channel when it cannot make sense of one publish; the others on their way are lost with it.
    private func publishChannelClosed(_ fault: ServerFault) {
        isPublishChannelOpen = false
        let failed = unconfirmed.removeAll()
        for publish in failed {
            let isCulprit = failed.count == 1 || fault.names(exchange: publish.exchange)
            publish.continuation?.resume(
                throwing: isCulprit
                    ? TransportError(fault)
                    : TransportError(.connectionLost, "RabbitMQ closed the channel over another message: \(fault.text)")
            )
        }
        // Not awaited: events are handled synchronously. A failure ends the whole connection.
        Task {
            do {
                try await openPublishChannel()
            } catch {
                fail(TransportError(.connectionLost, "the channel could not be opened again: \(error)"))
            }
        }
    }
}

extension ServerFault {
    /// Whether a fault over a missing exchange is about this one.
    fileprivate func names(exchange: String) -> Bool { code == 404 && text.contains("'\(exchange)'") }
}
