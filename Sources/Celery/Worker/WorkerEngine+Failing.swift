internal import CeleryProtocol
internal import CeleryTransport
internal import Logging

/// What the failure of a task entails, whatever the reason: one who waits for the task, or for one that was to follow
/// it, is told.
extension WorkerEngine {
    /// What is to be done after a failure.
    ///
    /// - Parameter settlement: what becomes of the message, where that does not depend on the options.
    func failureConclusion(of run: TaskRun, _ failure: TaskFailure, settlement: Settlement? = nil) -> Conclusion {
        let work = run.work
        var conclusion = Conclusion(run)
        conclusion.settlement = settlement
        if settlement == nil, run.acksLate {
            let acksOnFailure = work.handler.options.acksOnFailure ?? options.acksOnFailure
            conclusion.settlement = acksOnFailure ? .acknowledge : .discard
        }
        if run.storesResult {
            var result = result(of: work.request, .failure, failure.json, traceback: failure.traceback)
            result.children = .array(run.children)
            conclusion.results = [StoredResult(result, route: ReplyRoute(work.request))]
            conclusion.results += abandoned(run.payload?.chain ?? [], failure, of: work.request)
        }
        if let body = run.payload?.chord, work.request.group?.isEmpty == false, results != nil {
            // The other members of the chord go on, in vain: its body never gets their results.
            let failure = TaskFailure(
                type: "ChordError", module: "celery.exceptions",
                message: "Dependency \(work.request.id) raised \(failure)")
            let rest = body.objectValue?["options"]?.objectValue?["chain"]?.arrayValue ?? []
            conclusion.results += abandoned([body] + rest, failure, of: work.request)
        }
        conclusion.errbacks = errbacks(of: run)
        return conclusion
    }

    /// The message cannot be run as a task, as its body shows.
    func refuse(_ work: Work, _ payload: TaskPayload?, _ error: MessageError) {
        logger.error(
            "refused a message that cannot be run as a task",
            metadata: Self.metadata(work.request, error))
        let failure = TaskFailure(type: "InvalidTaskError", module: "celery.exceptions", message: error.reason)
        let run = TaskRun(work: work, payload: payload, acksLate: true, storesResult: storesResult(of: work))
        pass(failureConclusion(of: run, failure, settlement: .deadLetter(reason: error.reason)))
    }

    private func abandoned(
        _ signatures: [JSONValue], _ failure: TaskFailure, of request: TaskRequest
    ) -> [StoredResult] {
        AbandonedStep.steps(signatures).map { $0.result(failure, of: request, now: Self.now) }
    }

    /// The errbacks get the id of the failed task. One that cannot be made does not change what the failure is.
    private func errbacks(of run: TaskRun) -> [Outgoing] {
        let request = run.work.request
        let group = RandomID.make()
        return (run.payload?.errbacks ?? []).enumerated().compactMap { index, signature in
            do {
                return Outgoing(
                    try Successor(signature).message(
                        after: request, input: .string(request.id), rest: nil, group: (group, index),
                        publisher: publisher))
            } catch {
                logger.error("an errback cannot be sent", metadata: Self.metadata(request, error))
                return nil
            }
        }
    }

    /// What a line of the log says of a task that something is wrong with.
    static func metadata(_ request: TaskRequest, _ error: any Error) -> Logger.Metadata {
        LoggingKeys.task(request).merging([LoggingKeys.error: "\(error)"]) { $1 }
    }
}
