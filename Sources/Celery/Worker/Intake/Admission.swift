internal import CeleryProtocol
internal import CeleryTransport

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What is decided of a message before it gets a slot. In protocol 2 its body is not looked at.
enum Admission: Sendable {
    /// It may run.
    case run(ReceivedTask)
    /// Its eta is still to come.
    case wait(ReceivedTask, until: Date)
    /// It is not to run.
    case revoked(ReceivedTask, FinishedTask.Revocation)
    /// It cannot be run here.
    case refused(RefusedMessage)

    /// Decides what becomes of a delivery.
    ///
    /// - Parameters:
    ///   - limits: as in ``CeleryWorker/Options``.
    ///   - revoked: the tasks that are not to run.
    ///   - clock: what etas and expiries go by.
    ///   - now: when it came, if somebody asks.
    init(
        _ delivery: Delivery, handlers: [String: TaskHandler], _ limits: BodyLimits = BodyLimits(),
        revoked: RevokedTasks = RevokedTasks(), clock: TaskClock = .system, now: ContinuousClock.Instant? = nil
    ) {
        let task: ReceivedTask
        do throws(RefusedMessage) {
            task = try ReceivedTask(delivery, handlers: handlers, limits, now: now)
        } catch {
            self = .refused(error)
            return
        }
        if let reason = task.revocation(revoked, clock) {
            self = .revoked(task, reason)
        } else if let eta = task.request.eta, eta > clock.now {
            self = .wait(task, until: eta)
        } else {
            self = .run(task)
        }
    }
}

extension ReceivedTask {
    /// Reads the metadata of a delivery and finds its handler.
    convenience init(
        _ delivery: Delivery, handlers: [String: TaskHandler], _ limits: BodyLimits, now: ContinuousClock.Instant?
    ) throws(RefusedMessage) {
        // The headers may be large as well.
        LargeBodies.used(size: delivery.raw.count)
        let message: Message
        let request: TaskRequest
        do throws(MessageError) {
            message = try delivery.message.get()
            request = try TaskRequest(message, limits, willRead: LargeBodies.used)
        } catch {
            throw .unreadable(error, delivery.readableMessage)
        }
        guard let handler = handlers[request.task] else {
            throw .notRegistered(UnregisteredTask(request, message, queue: delivery.queue, handlers: handlers))
        }
        self.init(queue: delivery.queue, message: message, request: request, handler: handler, receivedAt: now)
    }
}

extension Delivery {
    /// The message, if it could be read so far.
    fileprivate var readableMessage: Message? {
        if case .success(let message) = message { message } else { nil }
    }
}
