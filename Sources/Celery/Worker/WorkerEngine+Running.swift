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
        if isExpired(work.request) { return expire(work) }
        let payload: TaskPayload
        let successors: Successors
        do throws(MessageError) {
            payload = try TaskPayload(work.message)
            successors = try Successors(payload, of: work.request)
        } catch {
            return fail(work, error)
        }
        logger.debug(
            "started",
            metadata: [
                LoggingKeys.taskID: LoggingKeys.line(work.request.id), LoggingKeys.taskName: "\(work.request.task)",
            ])
        let acksLate = work.handler.options.acksLate ?? options.acksLate
        if !acksLate { work.session.settle(work.tag, .acknowledge) }
        let storesResult = results != nil && !ignoresResult(work)
        if storesResult, work.handler.options.trackStarted ?? options.trackStarted { await markStarted(work) }
        let context = TaskContext(
            request: work.request, queue: work.queue,
            environment: TaskEnvironment(logger: logger, publisher: publisher, results: results))
        let start = ContinuousClock.now
        let outcome = await work.handler.outcome(context, payload)
        log(outcome, of: work.request, runtime: .now - start)
        let run = Run(
            work: work, payload: payload, successors: successors, acksLate: acksLate, storesResult: storesResult,
            children: context.children)
        let conclusion = conclusion(of: run, outcome)
        if conclusion.isEmpty {
            work.session.conclude()
        } else {
            await see(to: conclusion)
        }
    }

    /// A task that has been run.
    private struct Run {
        let work: Work
        let payload: TaskPayload
        let successors: Successors
        let acksLate: Bool
        let storesResult: Bool
        /// The ids of the tasks that it has sent.
        let children: [String]
    }

    /// The one place that decides what follows from an outcome.
    private func conclusion(of run: Run, _ outcome: Outcome) -> Conclusion {
        let work = run.work
        let request = work.request
        var conclusion = Conclusion(session: work.session, tag: work.tag)
        var result: TaskResult?
        var children = run.children
        do {
            switch outcome {
            case .success(let value):
                conclusion.successors = try run.successors.messages(
                    after: request, result: value, publisher: publisher)
                children += run.successors.childIDs
                result = self.result(of: request, .success, value)
                conclusion.settlement = .acknowledge
            case .failure(let failure):
                conclusion.successors = try run.successors.messages(afterFailureOf: request, publisher: publisher)
                result = self.result(of: request, .failure, failure.json, traceback: failure.traceback)
                let acksOnFailure = work.handler.options.acksOnFailure ?? options.acksOnFailure
                conclusion.settlement = acksOnFailure ? .acknowledge : .discard
                abandon(run, failure, in: &conclusion)
            case .retry(let countdown, let reason):
                conclusion.retry = try retryMessage(of: work, run.payload, after: countdown)
                result = self.result(of: request, .retry, reason?.json ?? .null, traceback: reason?.traceback)
                conclusion.settlement = .acknowledge
            case .ignored:
                conclusion.settlement = .acknowledge
            case .rejected(requeue: true, _):
                conclusion.settlement = .requeue
            case .rejected(requeue: false, let reason):
                let failure = TaskFailure(
                    type: "Reject", module: "celery.exceptions",
                    arguments: [reason.map(JSONValue.string) ?? .null, false])
                result = self.result(of: request, .failure, failure.json)
                conclusion.settlement = .discard
            case .interrupted:
                // With late acknowledgement the message is still held, and comes back when the consumer is closed.
                conclusion.settlement = nil
            }
        } catch {
            // What is to follow cannot be put into a message: the task has failed, with nothing to follow it.
            let failure = TaskFailure(error, request: request)
            logger.error(
                "failed", metadata: [LoggingKeys.taskID: LoggingKeys.line(request.id), LoggingKeys.error: "\(failure)"])
            result = self.result(of: request, .failure, failure.json, traceback: failure.traceback)
            conclusion.settlement = .acknowledge
        }
        if !run.acksLate { conclusion.settlement = nil }
        if run.storesResult, var result {
            result.children = .array(children.map { [[.string($0), nil], nil] })
            conclusion.results.insert(StoredResult(result, route: ReplyRoute(request)), at: 0)
        }
        return conclusion
    }

    /// The further steps of a failed task's chain will never run: they get its failure.
    private func abandon(_ run: Run, _ failure: TaskFailure, in conclusion: inout Conclusion) {
        guard results != nil else { return }
        for id in run.successors.abandonedIDs {
            let result = TaskResult(
                id: id, state: .failure, result: failure.json, traceback: failure.traceback, dateDone: Self.now)
            conclusion.results.append(
                StoredResult(result, route: ReplyRoute(replyTo: run.work.request.replyTo, correlationID: id)))
        }
    }

    /// The body cannot be decoded, or has another shape than a task's.
    private func fail(_ work: Work, _ error: MessageError) {
        logger.error(
            "refused a message that cannot be run as a task",
            metadata: [
                LoggingKeys.error: "\(error)", LoggingKeys.taskID: LoggingKeys.line(work.request.id),
                LoggingKeys.taskName: LoggingKeys.line(work.request.task),
            ])
        let failure = TaskFailure(type: "InvalidTaskError", module: "celery.exceptions", message: error.reason)
        conclude(
            work, settlement: .deadLetter(reason: error.reason),
            result: result(of: work.request, .failure, failure.json))
    }

    /// Before the handler runs, because states of its own come after this one.
    private func markStarted(_ work: Work) async {
        let started = result(
            of: work.request, .started,
            ["pid": .integer(Int(ProcessInfo.processInfo.processIdentifier)), "hostname": .string(name)])
        _ = await store([StoredResult(started, route: ReplyRoute(work.request))])
    }

    func conclude(_ work: Work, settlement: Settlement, result: TaskResult) {
        var conclusion = Conclusion(session: work.session, tag: work.tag)
        conclusion.settlement = settlement
        if results != nil, !ignoresResult(work) {
            conclusion.results = [StoredResult(result, route: ReplyRoute(work.request))]
        }
        pass(conclusion)
    }

    private func ignoresResult(_ work: Work) -> Bool {
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
            [
                LoggingKeys.taskID: LoggingKeys.line(request.id), LoggingKeys.taskName: "\(request.task)",
                LoggingKeys.runtime: "\(runtime)",
            ]
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
        case .rejected: logger.log(level: level, "rejected", metadata: metadata)
        case .interrupted: logger.warning("interrupted by the shutdown", metadata: metadata)
        }
    }
}
