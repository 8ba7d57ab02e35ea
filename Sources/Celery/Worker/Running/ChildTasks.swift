internal import CeleryIO

/// The ids of the tasks that one task has sent.
final class ChildTasks: Sendable {
    private let sent = Locked<[String]>([])

    var ids: [String] { sent.withLock { $0 } }

    func add(_ id: String) {
        sent.withLock { $0.append(id) }
    }
}
