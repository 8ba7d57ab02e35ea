internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// The log's lines about messages that are refused: one for each while they are few. Of a flood of one kind only the
/// first ones in an interval are shown, and then how many more there were.
final class RefusalLog: Sendable {
    /// What is counted together.
    private enum Kind: Hashable {
        case unreadable(MessageError.Code)
        case notRegistered
    }

    private struct Count {
        var shown = 0
        var more = 0
    }

    /// So many lines are shown of a kind in an interval.
    private static let mostLines = 200
    private static let interval = Duration.seconds(10)

    private let logger: Logger
    private let deadlines: Deadlines
    private let counts = Locked<[Kind: Count]>([:])

    /// - Parameter deadlines: when they come, or are called before their time, what was not shown is summed up.
    init(_ logger: Logger, deadlines: Deadlines) {
        self.logger = logger
        self.deadlines = deadlines
    }

    /// A message was refused before there was a task to run. Returns what its line says; `nil` for none.
    func add(_ refused: RefusedMessage, queue: String) -> MessageReport.Ending? {
        switch refused {
        case .unreadable(let error, _): return add(.unreadable(error.code), error, queue: queue)
        case .notRegistered(let task):
            guard var ending = add(.notRegistered, nil, queue: queue) else { return nil }
            ending.text = "refused: it is not registered; \(task.advice)"
            ending.details["registered"] = "\(task.registered)"
            return ending
        }
    }

    /// A task was refused because of what its message's body holds. Returns what its line says; `nil` for none.
    func add(_ error: MessageError) -> MessageReport.Ending? {
        add(.unreadable(error.code), error, queue: nil)
    }

    /// - Parameter queue: `nil` for a message whose receipt the log has told.
    private func add(_ kind: Kind, _ error: MessageError?, queue: String?) -> MessageReport.Ending? {
        let (isShown, isFirst) = counts.withLock { counts in
            let isFirst = counts[kind] == nil
            var count = counts[kind] ?? Count()
            let isShown = count.shown < Self.mostLines
            if isShown { count.shown += 1 } else { count.more += 1 }
            counts[kind] = count
            return (isShown, isFirst)
        }
        if isFirst { _ = deadlines.add(.now + Self.interval) { self.endInterval(of: kind) } }
        guard isShown else { return nil }
        var ending = MessageReport.Ending(text: "refused", reason: error)
        if let queue {
            ending.details[LoggingKeys.queue] = LoggingKeys.short(queue)
        } else {
            ending.limit = ReportLine.limitAfterReceipt
        }
        return ending
    }

    private func endInterval(of kind: Kind) {
        guard let count = counts.withLock({ $0.removeValue(forKey: kind) }), count.more > 0 else { return }
        let why =
            switch kind {
            case .unreadable: "they cannot be run as tasks"
            case .notRegistered: "their tasks are not registered"
            }
        logger.error(
            "\(count.more) more messages refused within \(ReadableDuration(Self.interval)): \(why)",
            metadata: ["more": "\(count.more)"])
    }
}
