internal import CeleryIO
internal import CeleryProtocol
internal import CeleryTransport

/// The end of a task as it was read once; all copies of a handle share it. Celery's `AsyncResult` keeps it likewise, so
/// that asking twice is possible where the backend gives a result once. As long as it exists somebody may ask.
final class KnownResult: Sendable {
    private let result = Locked<TaskResult?>(nil)
    private let id: String
    private let store: (any ResultStore)?

    init(id: String, in store: (any ResultStore)?, isSent: Bool) {
        self.id = id
        self.store = store
        store?.addInterest(in: id, isSent: isSent)
    }

    deinit { store?.endInterest(in: id) }

    var value: TaskResult? {
        get { result.withLock { $0 } }
        set { result.withLock { $0 = newValue } }
    }
}
