internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Instrumentation
internal import Logging
internal import Synchronization

/// Sends what follows tasks, and does what has to be done so that it can be sent.
final class MessageSender: Sendable {
    let budget = RetryBudget()
    private let publisher: TaskPublisher
    private let results: (any ResultStore)?
    private let logger: Logger
    private let sent = Atomic(0)
    private let outage = Locked(OutageLog())

    init(_ publisher: TaskPublisher, results: (any ResultStore)?, logger: Logger) {
        self.publisher = publisher
        self.results = results
        self.logger = logger
    }

    /// Sends something, again and again while the broker, or the backend, is out of reach.
    ///
    /// - Parameter finished: the task that it follows.
    /// - Throws: why it is not sent: it is refused, by the broker or by middleware, it is to blame for the failures, or the
    ///   worker ends.
    func send(_ outgoing: OutgoingStep, after finished: FinishedTask?) async throws {
        switch outgoing.step {
        case .message(let message, let destination):
            if publisher.middleware.isEmpty { return try await send(message, to: destination) }
            try await ServiceContext.withValue(finished?.serviceContext) {
                let task = OutgoingTask(
                    message, to: destination, purpose: outgoing.role.purpose, parent: finished?.task.request)
                try await publisher.middleware.send(task) { try await self.send($0, to: $1) }
            }
        case .saveGroup(let tree):
            try await trying(TaskLabel(id: tree.id, name: nil)) { [results] in try await results?.saveGroup(tree) }
        case .openChord(let opening):
            try await trying(TaskLabel(id: opening.group, name: nil)) { [results] in
                try await results?.openChord(opening.group, size: opening.size)
            }
        }
    }

    /// Sends some things at once, each as ``send(_:after:)`` does.
    ///
    /// - Returns: why some are not sent, by their positions.
    func send(_ outgoing: [OutgoingStep], after finished: FinishedTask?) async -> [Int: any Error] {
        if outgoing.count == 1 {
            do {
                try await send(outgoing[0], after: finished)
                return [:]
            } catch {
                return [0: error]
            }
        }
        return await withTaskGroup(of: (Int, (any Error)?).self) { group in
            for (position, outgoing) in outgoing.enumerated() {
                group.addTask {
                    do {
                        try await self.send(outgoing, after: finished)
                        return (position, nil)
                    } catch {
                        return (position, error)
                    }
                }
            }
            return await group.reduce(into: [:]) { failures, outcome in failures[outcome.0] = outcome.1 }
        }
    }

    private func send(_ message: Message, to destination: Destination) async throws {
        try await trying(TaskLabel(message)) { try await publisher.publish(message, to: destination) }
    }

    private func trying(_ label: @autoclosure () -> TaskLabel, _ operation: () async throws -> Void) async throws {
        var tries = RetryBudget.Tries()
        var record = PoisonRecord()
        var sentBefore = sent.load(ordering: .relaxed)
        var hasFailed = false
        while true {
            do {
                try await operation()
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
                    let label = label().shown()
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

extension OutgoingStep.Role {
    fileprivate var purpose: OutgoingTask.Purpose {
        switch self {
        case .successor: .successor
        case .chordBody: .chordBody
        case .replacement: .replacement
        case .errback: .errback
        case .retry: .retry
        }
    }
}
