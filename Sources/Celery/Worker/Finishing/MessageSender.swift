internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// Sends what follows tasks.
final class MessageSender: Sendable {
    let budget = RetryBudget()
    private let publisher: TaskPublisher
    private let logger: Logger

    init(_ publisher: TaskPublisher, logger: Logger) {
        self.publisher = publisher
        self.logger = logger
    }

    /// Sends a message, again and again while the broker is out of reach.
    func send(_ outgoing: OutgoingMessage) async throws {
        var tries = RetryBudget.Tries()
        while true {
            do {
                return try await publisher.publish(outgoing.message, to: outgoing.destination)
            } catch  where RetryBudget.mayPass(error) {
                logger.warning(
                    "sending again",
                    metadata: [
                        LoggingKeys.taskID: LoggingKeys.line(outgoing.message.headers["id"]?.stringValue ?? ""),
                        LoggingKeys.error: "\(error)",
                    ])
                guard await budget.pause(&tries) else { throw error }
            }
        }
    }
}
