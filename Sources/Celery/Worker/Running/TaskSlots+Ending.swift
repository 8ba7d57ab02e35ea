internal import CeleryProtocol
internal import CeleryTransport

/// Running tasks that somebody else than their handlers ends.
extension TaskSlots {
    /// So long a handler whose task has ended may take to return, before its slot goes to others.
    private static let grace = Duration.seconds(1)

    /// Cancels and ends a task when its time limits say so. Only for tasks that have some.
    ///
    /// - Returns: what ``stop(_:)`` takes.
    func watch(_ entry: ActiveTasks.Entry, _ limits: TimeLimits) -> [Int] {
        var timers: [Int] = []
        if let soft = limits.soft {
            timers.append(
                Deadlines.shared.add(limits.end(soft)) { [log] in
                    guard entry.record.cancel(.softTimeLimit(soft)) else { return }
                    log.softLimit(entry.task.request, soft)
                    entry.slot.cancel()
                })
        }
        if let hard = limits.hard {
            timers.append(
                Deadlines.shared.add(limits.end(hard)) { [self] in
                    let failure = TaskFailure.timeLimitExceeded(hard)
                    end(entry, .hardTimeLimit(hard), .ran(.failure(failure)))
                })
        }
        return timers
    }

    /// Its time limits do not matter any more.
    func stop(_ timers: [Int]) {
        for timer in timers { Deadlines.shared.remove(timer) }
    }

    /// Somebody has revoked a running task, and it ends now.
    func terminate(_ entry: ActiveTasks.Entry, signal: Int = 15) {
        end(entry, .terminated(signal: signal))
    }

    /// Somebody has revoked a task while it started, and its handler does not begin.
    func endRevoked(_ entry: ActiveTasks.Entry) { end(entry, .revoked) }

    private func end(_ entry: ActiveTasks.Entry, _ revocation: FinishedTask.Revocation) {
        if end(entry, .terminated, .revoked(revocation)) { log.revoked(entry.task.request, revocation) }
    }

    /// Ends a running task, whatever its handler does: what follows from its end is seen to at once. The handler is
    /// cancelled, and if it does not return, another slot takes the place of its own.
    ///
    /// - Returns: whether it was not too late.
    @discardableResult
    private func end(
        _ entry: ActiveTasks.Entry, _ reason: CancellationReason, _ ending: FinishedTask.Ending
    ) -> Bool {
        guard let legacy = entry.record.end(reason) else { return false }
        active.end(in: entry.slot)
        let rules = TaskRules(entry.task, options, hasBackend: writer != nil)
        var finished = FinishedTask(task: entry.task, rules: rules, payload: entry.payload, ending: ending)
        if case .hardTimeLimit = reason { finished.isTimedOut = true }
        finished.problems = entry.problems
        finished.runtime = .now - entry.begin
        finished.take(legacy, bindsContext: !observers.middleware.isEmpty)
        finisher.finish(finished, entry.message)
        entry.slot.cancel()
        endRunning()
        _ = Deadlines.shared.add(.now + Self.grace) { [log, pool] in
            log.strayed(entry.task.request, pool.replace(entry.slot), limit: pool.strayLimit)
        }
        return true
    }
}
