internal import CeleryProtocol
internal import CeleryTransport
internal import Logging
internal import Synchronization

/// After the handlers: what follows is sent, results are stored, errbacks and retries are sent, late messages are
/// settled, in this order.
///
/// What has been run is seen to also while the worker is being cancelled, in tasks that are not.
extension WorkerEngine {
    private static let largestBatch = 256

    /// Hands over what is left to do for a message.
    func pass(_ conclusion: Conclusion) {
        if conclusion.results.isEmpty, !conclusion.hasMessages { return settle(conclusion) }
        unfinished.add(1, ordering: .relaxed)
        finished.push(conclusion)
    }

    /// Sees to what is left to do for a task: at once when nothing else is to be done, else in one batch with others.
    func see(to conclusion: Conclusion) async {
        guard let results, !conclusion.results.isEmpty, !conclusion.hasMessages, ready.isEmpty,
            unfinished.load(ordering: .relaxed) == 0
        else { return pass(conclusion) }
        // The slot may have been cancelled, which the finisher is not; else it says what is wrong, if it still is.
        if await results.store(contentsOf: conclusion.results).isEmpty { settle(conclusion) } else { pass(conclusion) }
    }

    func runFinisher() async {
        // Belongs to `run`, which waits for it, but is not cancelled with it.
        await Task {
            await withDiscardingTaskGroup { group in
                while true {
                    let batch = await finished.nextBatch(limit: Self.largestBatch)
                    if batch.isEmpty { return }
                    // Each by itself: when the broker is out of reach, results are stored all the same.
                    for conclusion in batch where conclusion.hasMessages {
                        group.addTask { await self.finish(conclusion) }
                    }
                    await store(batch.filter { !$0.hasMessages })
                    unfinished.subtract(batch.count, ordering: .relaxed)
                }
            }
        }.value
    }

    /// Sees to a conclusion with messages to send.
    private func finish(_ conclusion: Conclusion) async {
        var conclusion = conclusion
        if !conclusion.successors.isEmpty, let run = conclusion.run {
            guard let sent = await sendSuccessors(of: run, conclusion) else {
                return settle(conclusion, isDone: false)
            }
            conclusion = sent
        }
        let isStored = await store(conclusion.results).isEmpty
        // Without its message a task does not run again, and the others are told of the end that it has come to.
        if isStored || conclusion.settlement != .acknowledge {
            for errback in conclusion.errbacks {
                do {
                    try await send(errback)
                } catch {
                    log("an errback could not be sent", conclusion, error)
                }
            }
        }
        guard let retry = conclusion.retry, let run = conclusion.run else {
            return settle(conclusion, isDone: isStored)
        }
        do {
            try await send(retry)
            settle(conclusion)
        } catch {
            log("the next try could not be sent", conclusion, error)
            if run.acksLate, Self.mayPass(error) { return settle(conclusion, isDone: false) }
            // Nobody would try again: as in Celery, the task has failed.
            await finish(
                failureConclusion(
                    of: run,
                    TaskFailure(
                        type: "Reject", module: "celery.exceptions",
                        arguments: [.string("the next try could not be sent: \(error)"), false]),
                    settlement: run.acksLate ? .discard : nil))
        }
    }

    /// Sends what follows a task, before its result can be read. A task whose successors cannot be sent has failed, as
    /// in Celery.
    ///
    /// - Returns: what is to be done then; `nil` when the task is to be run again.
    private func sendSuccessors(of run: TaskRun, _ conclusion: Conclusion) async -> Conclusion? {
        var run = run
        for successor in conclusion.successors {
            do {
                try await send(successor)
                if let child = successor.child { run.children.append(child) }
            } catch {
                log("what follows a task could not be sent", conclusion, error)
                if run.acksLate, Self.mayPass(error) { return nil }
                return failureConclusion(
                    of: run,
                    TaskFailure(
                        type: "OperationalError", module: "kombu.exceptions",
                        message: "the tasks that follow could not be sent: \(error)"))
            }
        }
        return conclusion
    }

    /// Sends a message, again and again while the broker is out of reach.
    private func send(_ outgoing: Outgoing) async throws {
        var tries = Patience.Tries()
        while true {
            do {
                return try await publisher.publish(outgoing.message, to: outgoing.destination)
            } catch  where Self.mayPass(error) {
                logger.warning(
                    "sending again",
                    metadata: [
                        LoggingKeys.taskID: LoggingKeys.line(outgoing.message.headers["id"]?.stringValue ?? ""),
                        LoggingKeys.error: "\(error)",
                    ])
                guard await patience.pause(&tries) else { throw error }
            }
        }
    }

    /// Tells the broker what became of a message.
    ///
    /// - Parameter isDone: whether all that had to be done before was done; else the task is run again, if it has been
    ///   run and its message is still there. What was refused or had expired stays so.
    func settle(_ conclusion: Conclusion, isDone: Bool = true) {
        if let settlement = conclusion.settlement {
            let isAgain = !isDone && conclusion.run != nil && settlement == .acknowledge
            conclusion.session.settle(conclusion.tag, isAgain ? .requeue : settlement)
        }
        conclusion.session.conclude()
    }

    /// Whether the broker or the backend as a whole is out of order, which somebody will see to.
    static func mayPass(_ error: any Error) -> Bool {
        guard let error = error as? TransportError else { return false }
        return error.isPassing(afterSuccess: true)
    }

    private func log(_ what: Logger.Message, _ conclusion: Conclusion, _ error: any Error) {
        guard let run = conclusion.run else { return }
        logger.error(what, metadata: Self.metadata(run.work.request, error))
    }
}
