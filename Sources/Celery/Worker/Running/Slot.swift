internal import CeleryIO

/// The Swift task that runs one Celery task after the other, until it is cancelled: then another one takes its place.
final class Slot: Sendable {
    let number: Int
    private let state = Locked<(task: Task<Void, Never>?, isCancelled: Bool)>((nil, false))

    init(_ number: Int) { self.number = number }

    /// Says which task it is.
    func begin(_ task: Task<Void, Never>) {
        let isCancelled = state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }
}
