internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A task in its slot, and what follows from how it ended.
extension WorkerEngine {
    func run(_ work: Work) async {
        // A task that is cancelled before it starts has not begun: its message goes back when the consumer is closed.
        if Task.isCancelled { return work.session.conclude() }
        if isExpired(work.request) { return expire(work) }
        let payload: TaskPayload
        do throws(MessageError) {
            payload = try TaskPayload(work.message)
        } catch {
            return refuse(work, nil, error)
        }
        let successors: Successors
        do throws(MessageError) {
            successors = try Successors(payload, of: work.request)
        } catch {
            return refuse(work, payload, error)
        }
        logger.debug(
            "started",
            metadata: LoggingKeys.task(work.request))
        var run = TaskRun(
            work: work, payload: payload, acksLate: work.handler.options.acksLate ?? options.acksLate,
            storesResult: storesResult(of: work))
        // Once more, because what is acknowledged here does not come back.
        if Task.isCancelled { return work.session.conclude() }
        if !run.acksLate { await acknowledge(work) }
        if run.storesResult, work.handler.options.trackStarted ?? options.trackStarted { await markStarted(work) }
        let context = TaskContext(
            request: work.request, queue: work.queue,
            environment: TaskEnvironment(logger: logger, publisher: publisher, results: results))
        let start = ContinuousClock.now
        let outcome = await work.handler.outcome(context, payload)
        log(outcome, of: work.request, runtime: .now - start)
        run.children = context.children.map { Outgoing.child($0) }
        await see(to: conclusion(of: run, payload, successors, outcome))
    }

    /// The one place that decides what follows from an outcome.
    private func conclusion(
        of run: TaskRun, _ payload: TaskPayload, _ successors: Successors, _ outcome: Outcome
    ) -> Conclusion {
        let work = run.work
        let request = work.request
        var conclusion = Conclusion(run)
        var result: TaskResult?
        var children = run.children
        do {
            switch outcome {
            case .success(let value):
                conclusion.successors = try successors.messages(after: request, result: value, publisher: publisher)
                children += conclusion.successors.compactMap(\.child)
                result = self.result(of: request, .success, value)
                conclusion.settlement = .acknowledge
            case .failure(let failure):
                return failureConclusion(of: run, failure)
            case .retry(let countdown, let reason):
                conclusion.retry = Outgoing(try retryMessage(of: run, payload, after: countdown))
                // As in Celery, a task that is tried again is its own child.
                children.append(Outgoing.child(request.id))
                result = self.result(
                    of: request, .retry, reason?.json ?? .null,
                    traceback: reason?.traceback ?? TaskFailure.retryTraceback(request, countdown))
                conclusion.settlement = .acknowledge
            case .ignored:
                conclusion.settlement = .acknowledge
            case .rejected(requeue: true, _):
                conclusion.settlement = .requeue
            case .rejected(requeue: false, let reason):
                return failureConclusion(
                    of: run,
                    TaskFailure(
                        type: "Reject", module: "celery.exceptions",
                        arguments: [reason.map(JSONValue.string) ?? .null, false]),
                    settlement: run.acksLate ? .discard : nil)
            case .interrupted:
                // With late acknowledgement the message is still held, and comes back when the consumer is closed.
                conclusion.settlement = nil
            }
        } catch {
            // What is to follow cannot be put into a message.
            let failure = TaskFailure(error, request: request)
            logger.error("failed", metadata: Self.metadata(request, failure))
            return failureConclusion(of: run, failure)
        }
        if !run.acksLate { conclusion.settlement = nil }
        if run.storesResult, var result {
            result.children = .array(children)
            conclusion.results = [StoredResult(result, route: ReplyRoute(request))]
        }
        return conclusion
    }

    /// Before the task runs, though the broker may hear of it a moment later. Unless the message has come before,
    /// perhaps because its task ends the whole process: that is not to happen again and again.
    private func acknowledge(_ work: Work) async {
        work.session.settle(work.tag, .acknowledge)
        if work.request.delivery.isRedelivered { await work.session.consumer.flush() }
    }

    private func markStarted(_ work: Work) async {
        let started = result(
            of: work.request, .started,
            ["pid": .integer(Int(ProcessInfo.processInfo.processIdentifier)), "hostname": .string(name)])
        await storeStarted(StoredResult(started, route: ReplyRoute(work.request)))
    }

    func conclude(_ work: Work, settlement: Settlement, result: TaskResult) {
        var conclusion = Conclusion(session: work.session, tag: work.tag)
        conclusion.settlement = settlement
        if storesResult(of: work) {
            conclusion.results = [StoredResult(result, route: ReplyRoute(work.request))]
        }
        pass(conclusion)
    }

    func storesResult(of work: Work) -> Bool { results != nil && !ignoresResult(work) }

    func ignoresResult(_ work: Work) -> Bool {
        work.request.ignoreResult ?? work.handler.options.ignoreResult ?? options.ignoreResult
    }

    /// The state of a task, for the result backend.
    func result(
        of request: TaskRequest, _ state: TaskState, _ value: JSONValue, traceback: String? = nil
    ) -> TaskResult {
        TaskResult(
            id: request.id, state: state, result: value, traceback: traceback,
            dateDone: state.isReady ? Self.now : nil, groupID: request.group, parentID: request.parentID)
    }

    /// The time as results hold it.
    static var now: String? {
        do {
            return try PythonDateTime(Date()).isoFormat
        } catch {
            return nil
        }
    }

    private func log(_ outcome: Outcome, of request: TaskRequest, runtime: Duration) {
        let level = options.taskLogLevel
        guard logger.logLevel <= .error else { return }
        var metadata: Logger.Metadata {
            LoggingKeys.task(request).merging([LoggingKeys.runtime: "\(runtime)"]) { $1 }
        }
        switch outcome {
        case .success: logger.log(level: level, "succeeded", metadata: metadata)
        case .failure(let failure):
            logger.error("failed", metadata: metadata.merging([LoggingKeys.error: "\(failure)"]) { $1 })
        case .retry(let countdown, let reason):
            let why = reason.map { "\($0)" } ?? "asked for"
            logger.log(
                level: level, "retry",
                metadata: metadata.merging([LoggingKeys.error: "\(why)", "countdown": "\(countdown)"]) { $1 })
        case .ignored: logger.log(level: level, "ignored", metadata: metadata)
        case .rejected(let requeue, let reason):
            let why = reason ?? "no reason given"
            logger.warning(
                "rejected", metadata: metadata.merging([LoggingKeys.error: "\(why)", "requeue": "\(requeue)"]) { $1 })
        case .interrupted: logger.warning("interrupted by the shutdown", metadata: metadata)
        }
    }
}
