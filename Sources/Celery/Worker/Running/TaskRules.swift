internal import CeleryProtocol

/// How one task is run: what its sender, its handler and the worker's options say together.
struct TaskRules: Sendable, Hashable {
    /// Whether there is a result backend.
    var hasBackend = true
    /// Whether nobody wants the result.
    var ignoresResult = false
    /// Whether the message is acknowledged after the task and not before.
    var acksLate = false
    /// Whether a late message is acknowledged when its task has failed.
    var acksOnFailure = true
    /// Whether the state STARTED is stored.
    var tracksStart = false

    /// Celery's defaults.
    init() {}

    /// The rules for a task: the sender's wish counts more than the handler's, that more than the worker's.
    init(_ task: ReceivedTask, _ options: CeleryWorker.Options, hasBackend: Bool) {
        let own = task.handler.options
        self.hasBackend = hasBackend
        ignoresResult = task.request.ignoreResult ?? own.ignoreResult ?? options.ignoreResult
        acksLate = own.acksLate ?? options.acksLate
        acksOnFailure = own.acksOnFailure ?? options.acksOnFailure
        tracksStart = own.trackStarted ?? options.trackStarted
    }

    /// Whether what becomes of the task is stored.
    var storesResult: Bool { hasBackend && !ignoresResult }
}
