internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// What remote control sees of a worker, and what it can change. Each part is kept by the part of the worker that owns it,
/// and is only read here.
struct WorkerState: Sendable {
    /// The worker's name, `celery@host`.
    let name: String
    let clock: LogicalClock
    let startedAt: ContinuousClock.Instant
    /// Where broker and backend are, without passwords.
    let locations: (broker: String, backend: String?)
    let options: CeleryWorker.Options
    let routing: Routing
    let handlers: [String: TaskHandler]
    let intake: Intake
    let slots: TaskSlots
    let events: EventFeed
    let results: (any ResultStore)?
    /// Ends the worker as SIGTERM does.
    let shutDown: @Sendable () -> Void
    let logger: Logger

    /// The tasks that are not to run.
    var revoked: RevokedTasks { slots.revoked }

    /// What waits here and was revoked ends now.
    func endRevoked() {
        slots.endRevoked()
        intake.endRevoked()
    }
}
