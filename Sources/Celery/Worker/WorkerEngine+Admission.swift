internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What is decided of a message before it gets a slot; in protocol 2 its body is not looked at.
extension WorkerEngine {
    func admit(_ deliveries: [Delivery], _ session: ConsumerSession) {
        let admitted = deliveries.compactMap { admit($0, session) }
        if !admitted.isEmpty { ready.push(contentsOf: admitted) }
    }

    /// Tasks whose eta has come.
    func admit(_ due: [WaitingTask]) {
        for task in due where task.isAside { task.session.takeBack() }
        ready.push(contentsOf: due.compactMap { work(for: $0.delivery, $0.session) })
    }

    private func admit(_ delivery: Delivery, _ session: ConsumerSession) -> Work? {
        guard let work = work(for: delivery, session) else { return nil }
        if isExpired(work.request) {
            expire(work)
            return nil
        }
        logger.log(
            level: options.taskLogLevel, "received",
            metadata: LoggingKeys.task(work.request))
        guard let eta = work.request.eta, eta.timeIntervalSinceNow > 0 else { return work }
        hold(work, until: eta)
        return nil
    }

    /// `nil` for a message that was refused.
    private func work(for delivery: Delivery, _ session: ConsumerSession) -> Work? {
        let message: Message
        let request: TaskRequest
        do throws(MessageError) {
            message = try delivery.message.get()
            request = try TaskRequest(message)
        } catch {
            refuse(delivery, session, error)
            return nil
        }
        guard let handler = handlers[request.task] else {
            refuse(delivery, session, request)
            return nil
        }
        return Work(
            tag: delivery.tag, queue: delivery.queue, message: message, request: request, handler: handler,
            session: session)
    }

    /// Keeps a task until its eta: a far one with the broker, if that can, so that memory stays bounded.
    private func hold(_ work: Work, until eta: Date) {
        let isFull = schedule.count >= options.etaLimit
        let isParked = work.session.consumer.park(work.tag, until: eta.timeIntervalSince1970, isUrgent: isFull)
        // It does not count against the prefetch; when too many wait already it does, and the broker keeps more.
        let isAside = isParked || !isFull
        if isAside { work.session.putAside(isHeld: !isParked) }
        if !isParked { schedule.add(WaitingTask(work, isAside: isAside), until: eta) }
    }

    func isExpired(_ request: TaskRequest) -> Bool {
        guard let expires = request.expires else { return false }
        return expires.timeIntervalSinceNow < 0
    }

    /// The task came too late: it ends as revoked, as in Celery.
    func expire(_ work: Work) {
        logger.log(
            level: options.taskLogLevel, "expired",
            metadata: LoggingKeys.task(work.request))
        let failure = TaskFailure(type: "TaskRevokedError", module: "celery.exceptions", message: "expired")
        conclude(work, settlement: .acknowledge, result: result(of: work.request, .revoked, failure.json))
    }

    /// The message cannot be run, whatever handlers there are.
    private func refuse(_ delivery: Delivery, _ session: ConsumerSession, _ error: MessageError) {
        var metadata: Logger.Metadata = [LoggingKeys.error: "\(error)", LoggingKeys.queue: "\(delivery.queue)"]
        metadata[LoggingKeys.taskName] = error.task.map(LoggingKeys.line)
        metadata[LoggingKeys.taskID] = error.taskID.map(LoggingKeys.line)
        logger.error("refused a message that cannot be run as a task", metadata: metadata)
        var conclusion = Conclusion(session: session, tag: delivery.tag)
        conclusion.settlement = .deadLetter(reason: error.reason)
        if case .success(let message) = delivery.message, let id = error.taskID {
            // Whoever waits for the result is told.
            let failure = TaskFailure(
                type: "InvalidTaskError", module: "celery.exceptions", message: error.reason)
            conclusion.results = [
                StoredResult(
                    TaskResult(id: id, state: .failure, result: failure.json, dateDone: Self.now),
                    route: ReplyRoute(
                        replyTo: message.properties.replyTo, correlationID: message.properties.correlationID ?? id))
            ]
        }
        pass(conclusion)
    }

    /// This worker has no handler of that name.
    private func refuse(_ delivery: Delivery, _ session: ConsumerSession, _ request: TaskRequest) {
        logger.error(
            "refused a task that is not registered",
            metadata: LoggingKeys.task(request).merging([LoggingKeys.queue: "\(delivery.queue)"]) { $1 })
        let failure = TaskFailure(type: "NotRegistered", module: "celery.exceptions", message: request.task)
        var conclusion = Conclusion(session: session, tag: delivery.tag)
        conclusion.settlement = .deadLetter(reason: "unregistered task \(PythonRepr.quoted(request.task))")
        conclusion.results = [StoredResult(result(of: request, .failure, failure.json), route: ReplyRoute(request))]
        pass(conclusion)
    }
}
