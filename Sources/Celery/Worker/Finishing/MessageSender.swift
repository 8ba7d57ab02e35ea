internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Instrumentation
internal import Logging
internal import Synchronization

/// Sends what follows tasks.
final class MessageSender: Sendable {
    let budget = RetryBudget()
    private let publisher: TaskPublisher
    private let logger: Logger
    private let sent = Atomic(0)
    private let outage = Locked(OutageLog())

    init(_ publisher: TaskPublisher, logger: Logger) {
        self.publisher = publisher
        self.logger = logger
    }

    /// Sends a message, again and again while the broker is out of reach.
    ///
    /// - Parameter finished: the task that it follows.
    /// - Throws: why it is not sent: it is refused, by the broker or by middleware, it is to blame for the failures, or the
    ///   worker ends.
    func send(_ outgoing: OutgoingMessage, after finished: FinishedTask?) async throws {
        if publisher.middleware.isEmpty { return try await send(outgoing.message, to: outgoing.destination) }
        try await ServiceContext.withValue(finished?.serviceContext) {
            let task = OutgoingTask(outgoing, parent: finished?.task.request)
            try await publisher.middleware.send(task) { try await self.send($0, to: $1) }
        }
    }

    private func send(_ message: Message, to destination: Destination) async throws {
        var tries = RetryBudget.Tries()
        var record = PoisonRecord()
        var sentBefore = sent.load(ordering: .relaxed)
        var hasFailed = false
        while true {
            do {
                try await publisher.publish(message, to: destination)
                sent.add(1, ordering: .relaxed)
                if hasFailed { outage.withLock { $0.reset() } }
                return
            } catch  where RetryBudget.mayPass(error) {
                hasFailed = true
                let sentNow = sent.load(ordering: .relaxed)
                if record.failed(error, haveOthersPassed: sentNow != sentBefore) { throw record.finalError(error) }
                sentBefore = sentNow
                if outage.withLock({ $0.failed() }) != nil {
                    let reason = LogText(error).description
                    let label = TaskLabel(message).shown()
                    var metadata = LoggingKeys.task(label)
                    metadata[LoggingKeys.error] = "\(reason)"
                    logger.warning(
                        "\(label.subject) could not be sent, trying again: \(reason)", metadata: metadata)
                }
                guard await budget.pause(&tries) else { throw error }
            }
        }
    }
}

extension OutgoingTask {
    fileprivate init(_ outgoing: OutgoingMessage, parent: TaskRequest?) {
        let headers = outgoing.message.headers
        let purpose: Purpose =
            switch outgoing.role {
            case .successor: .successor
            case .errback: .errback
            case .retry: .retry
            }
        self.init(
            outgoing.message, to: outgoing.destination, task: headers["task"]?.stringValue ?? "",
            id: headers["id"]?.stringValue ?? "", purpose: purpose, parent: parent)
    }
}
