internal import CeleryIO
internal import CeleryProtocol

/// The end of a task as it was read once; all copies of a handle share it. Celery's `AsyncResult` keeps it likewise, so
/// that asking twice is possible where the backend gives a result once.
final class KnownResult: Sendable {
    private let result = Locked<TaskResult?>(nil)

    var value: TaskResult? {
        get { result.withLock { $0 } }
        set { result.withLock { $0 = newValue } }
    }
}
