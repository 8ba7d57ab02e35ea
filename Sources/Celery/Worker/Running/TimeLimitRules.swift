internal import CeleryIO
internal import CeleryProtocol
internal import Synchronization

/// How long tasks may run: what their messages say counts more than their handlers' options, that more than the worker's.
final class TimeLimitRules: Sendable {
    private let soft: Duration?
    private let hard: Duration?
    /// What remote control has put in the place of the handlers' own limits.
    private let changed = Locked<[String: (soft: Duration?, hard: Duration?)]>([:])
    /// So that a worker whose limits nobody has changed looks nothing up.
    private let isChanged = Atomic(false)

    /// - Parameters:
    ///   - soft: the worker's soft limit, if it has one.
    ///   - hard: the worker's hard limit, if it has one.
    init(soft: Duration?, hard: Duration?) {
        (self.soft, self.hard) = (soft, hard)
    }

    /// From now on these count for tasks of this name in the place of the handler's own; `nil` for the worker's.
    func set(_ name: String, soft: Duration?, hard: Duration?) {
        changed.withLock { $0[name] = (soft, hard) }
        isChanged.store(true, ordering: .releasing)
    }

    /// The limits of the handler, as they are at present.
    func own(_ handler: TaskHandler) -> (soft: Duration?, hard: Duration?) {
        let written = (soft: handler.options.softTimeLimit, hard: handler.options.timeLimit)
        guard isChanged.load(ordering: .acquiring) else { return written }
        return changed.withLock { $0[handler.name] } ?? written
    }

    /// The limits of a task that begins now; `nil` for none.
    func limits(of task: ReceivedTask, from begin: ContinuousClock.Instant) -> TimeLimits? {
        let own = own(task.handler)
        return TimeLimits(
            soft: Self.first(task.request.softTimeLimit, own.soft, soft),
            hard: Self.first(task.request.timeLimit, own.hard, hard), begin: begin)
    }

    /// The first one that is above zero: what is not is none, as in Celery.
    private static func first(_ message: Duration?, _ handler: Duration?, _ worker: Duration?) -> Duration? {
        if let message, message > .zero { return message }
        if let handler, handler > .zero { return handler }
        if let worker, worker > .zero { return worker }
        return nil
    }
}
