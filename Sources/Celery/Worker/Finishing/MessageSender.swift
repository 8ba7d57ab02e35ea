internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
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
    /// - Throws: why it is not sent: it is refused, it is to blame for the failures, or the worker ends.
    func send(_ outgoing: OutgoingMessage) async throws {
        var tries = RetryBudget.Tries()
        var record = PoisonRecord()
        var sentBefore = sent.load(ordering: .relaxed)
        var hasFailed = false
        while true {
            do {
                try await publisher.publish(outgoing.message, to: outgoing.destination)
                sent.add(1, ordering: .relaxed)
                if hasFailed { outage.withLock { $0.reset() } }
                return
            } catch  where RetryBudget.mayPass(error) {
                hasFailed = true
                let sentNow = sent.load(ordering: .relaxed)
                if record.failed(error, haveOthersPassed: sentNow != sentBefore) { throw record.finalError(error) }
                sentBefore = sentNow
                if outage.withLock({ $0.failed() }) != nil {
                    logger.warning(
                        "sending again",
                        metadata: [
                            LoggingKeys.taskID: LoggingKeys.line(outgoing.message.headers["id"]?.stringValue ?? ""),
                            LoggingKeys.error: LoggingKeys.reason(error),
                        ])
                }
                guard await budget.pause(&tries) else { throw error }
            }
        }
    }
}
