public import CeleryProtocol

/// Something that happens in a worker, for ``CeleryMiddleware/observe(_:)``. More kinds may be added: have a default.
public enum WorkerEvent: Sendable {
    /// A message has come whose task can run here, now or at its eta.
    case received(TaskRequest, queue: String)
    /// A task starts.
    case started(TaskRequest)
    /// A task has run to its end, and what it has come to is stored, as far as it can be.
    case ended(TaskRequest, TaskOutcome, runtime: Duration)
    /// A task has come too late, or has waited too long, and does not run; Celery revokes it.
    case expired(TaskRequest)
    /// Somebody has revoked a task, and it does not run.
    case revoked(TaskRequest)
    /// Somebody has revoked a task and ended it while it ran, by what Python's workers take as the number of a signal.
    case terminated(TaskRequest, signal: Int)
    /// A message cannot be run, and goes where it can be found. Name and id are there as far as they could be read.
    case refused(task: String?, id: String?, reason: String)
    /// The broker is connected again after a connection was lost.
    case reconnected
}

extension WorkerEvent {
    /// What has happened to a message that was refused before there was a task to run.
    init(_ refused: RefusedMessage) {
        switch refused {
        case .unreadable(let error, _): self = .refused(task: error.task, id: error.taskID, reason: error.reason)
        case .notRegistered(let task):
            self = .refused(task: task.request.task, id: task.request.id, reason: "the task is not registered")
        }
    }

    /// What has happened to a task.
    init(_ finished: FinishedTask) {
        let request = finished.task.request
        switch finished.ending {
        case .ran(let outcome): self = .ended(request, outcome, runtime: finished.runtime)
        case .revoked(.expired): self = .expired(request)
        case .revoked(.revoked): self = .revoked(request)
        case .revoked(.terminated(let signal)): self = .terminated(request, signal: signal)
        case .refused(let error): self = .refused(task: request.task, id: request.id, reason: error.reason)
        }
    }
}
