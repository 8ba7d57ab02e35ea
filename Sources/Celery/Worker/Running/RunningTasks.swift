internal import CeleryIO
internal import CeleryProtocol

/// The late-acknowledged tasks that run here or whose ends are being seen to.
///
/// When a connection is lost meanwhile the broker gives their messages to somebody, and that may be this worker: the
/// copy must not run beside the first run. It waits until that is settled; most brokers then know it as done.
final class RunningTasks: Sendable {
    /// What is to be done with a task that might begin.
    enum Beginning: Sendable, Equatable {
        /// It begins, and ``RunningTasks/end(_:)`` is to be called when its message is settled.
        case begins
        /// Another message with the same id runs; this one has come for the first time and has nothing to do with it.
        case isAnother
        /// It has come again, and is kept until the first run is settled.
        case waits
    }

    /// Those that came again, by what runs.
    private let copies = Locked<[TaskAttempt: [ReservedTask]]>([:])

    /// A task might begin.
    func begin(_ reserved: ReservedTask) -> Beginning {
        copies.withLock { copies in
            let attempt = TaskAttempt(reserved.task.request)
            guard copies[attempt] != nil else {
                copies[attempt] = []
                return .begins
            }
            guard reserved.task.request.delivery.isRedelivered else { return .isAnother }
            copies[attempt, default: []].append(reserved)
            return .waits
        }
    }

    /// The message of a task that began is settled. Returns what has come again meanwhile.
    func end(_ attempt: TaskAttempt) -> [ReservedTask] {
        copies.withLock { $0.removeValue(forKey: attempt) ?? [] }
    }
}
