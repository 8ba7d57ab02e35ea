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

    init(_ logger: Logger, deadlines: Deadlines = .shared) {
        self.logger = logger
        self.deadlines = deadlines
    }

    /// A message was refused before there was a task to run.
    func add(_ refused: RefusedMessage, queue: String) {
        switch refused {
        case .unreadable(let error, _):
            add(.unreadable(error.code)) {
                var metadata: Logger.Metadata = [
                    LoggingKeys.error: LoggingKeys.reason(error), LoggingKeys.queue: LoggingKeys.line(queue),
                ]
                metadata[LoggingKeys.taskName] = error.task.map(LoggingKeys.line)
                metadata[LoggingKeys.taskID] = error.taskID.map(LoggingKeys.line)
                return metadata
            }
        case .notRegistered(let request):
            add(.notRegistered) {
                LoggingKeys.task(request).merging([LoggingKeys.queue: LoggingKeys.line(queue)]) { $1 }
            }
        }
    }

    /// A task was refused because of what its message's body holds.
    func add(_ error: MessageError, of request: TaskRequest) {
        add(.unreadable(error.code)) {
            LoggingKeys.task(request).merging([LoggingKeys.error: LoggingKeys.reason(error)]) { $1 }
        }
    }

    private func add(_ kind: Kind, _ metadata: () -> Logger.Metadata) {
        let (isShown, isFirst) = counts.withLock { counts in
            let isFirst = counts[kind] == nil
            var count = counts[kind] ?? Count()
            let isShown = count.shown < Self.mostLines
            if isShown { count.shown += 1 } else { count.more += 1 }
            counts[kind] = count
            return (isShown, isFirst)
        }
        if isFirst { _ = deadlines.add(.now + Self.interval) { self.endInterval(of: kind) } }
        if isShown { logger.error(Self.text(of: kind), metadata: metadata()) }
    }

    /// Says now what was not shown, because the worker ends.
    func sumUp() {
        let counts = counts.withLock { counts in
            defer { counts = counts.mapValues { Count(shown: $0.shown) } }
            return counts
        }
        for (kind, count) in counts { show(count, of: kind) }
    }

    private func endInterval(of kind: Kind) {
        guard let count = counts.withLock({ $0.removeValue(forKey: kind) }) else { return }
        show(count, of: kind)
    }

    private func show(_ count: Count, of kind: Kind) {
        guard count.more > 0 else { return }
        logger.error(Self.text(of: kind), metadata: ["more": "\(count.more)", "in": "\(Self.interval)"])
    }

    private static func text(of kind: Kind) -> Logger.Message {
        switch kind {
        case .unreadable: "refused a message that cannot be run as a task"
        case .notRegistered: "refused a task that is not registered"
        }
    }
}
