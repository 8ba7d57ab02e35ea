internal import CeleryProtocol
internal import CeleryTransport
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Runs tasks, as many at a time as there are slots, and hands what they come to to the ``Finisher``.
final class TaskSlots: Sendable {
    /// How long a task that has come before waits for the broker to hear of its acknowledgement.
    private static let longestFlush = Duration.seconds(10)

    private let ready = WorkQueue<ReservedTask>()
    let rateLimits: RateLimits
    let active: ActiveTasks
    let revoked = RevokedTasks()
    let pool: SlotPool
    let timeLimits: TimeLimitRules
    /// How many tasks run.
    private let running = Atomic(0)
    private let isClosed = Atomic(false)
    /// Closed when the last task has ended.
    private let ended = WorkQueue<Never>()
    private let largeBodies = LargeBodyTurns()
    /// Those with late acknowledgement.
    private let runningLate = RunningTasks()
    let options: CeleryWorker.Options
    private let name: String
    private let environment: TaskEnvironment
    let writer: ResultWriter?
    let finisher: Finisher
    let observers: Observers
    let log: TaskLog

    /// - Parameters:
    ///   - name: the worker's name.
    ///   - environment: what tasks may use.
    init(
        options: CeleryWorker.Options, name: String, environment: TaskEnvironment, writer: ResultWriter?,
        finisher: Finisher, observers: Observers, log: TaskLog
    ) {
        self.options = options
        let concurrency = max(1, options.concurrency)
        active = ActiveTasks(slots: concurrency)
        pool = SlotPool(count: concurrency, strayLimit: options.strayLimit ?? concurrency)
        rateLimits = RateLimits(environment.handlers, options, ready: ready)
        timeLimits = TimeLimitRules(soft: options.softTimeLimit, hard: options.timeLimit)
        self.name = name
        self.environment = environment
        self.writer = writer
        self.finisher = finisher
        self.observers = observers
        self.log = log
    }

    // MARK: What comes in

    /// Runs these when there are slots for them, and their rate limits allow it.
    func add(_ tasks: [ReservedTask]) { rateLimits.add(tasks) }

    /// Takes back what was put in last of a session's and does not run yet, at most so many, in order; first what its rate
    /// limit keeps back.
    func takeLast(_ count: Int, of session: ConsumerSession) -> [ReservedTask] {
        let isIts = { (reserved: ReservedTask) in reserved.message.session === session }
        let limited = rateLimits.takeLast(count, where: isIts)
        return ready.takeLast(count - limited.count, where: isIts) + limited
    }

    /// The tasks that wait for a slot, in order, and then those that their rate limits keep back.
    var reserved: [ReceivedTask] { (ready.all + rateLimits.waiting).map(\.task) }

    /// Somebody has revoked tasks: those that wait for a slot end now.
    func endRevoked() {
        let isRevoked = { [revoked] (reserved: ReservedTask) in revoked.contains(reserved.task.request) }
        for reserved in rateLimits.take(where: isRevoked) + ready.take(where: isRevoked) {
            // Whoever has it now finds out by itself.
            guard reserved.message.mayStart else {
                reserved.message.drop()
                continue
            }
            log.revoked(reserved.task.request, .revoked)
            let rules = TaskRules(reserved.task, options, hasBackend: writer != nil)
            finisher.finish(
                FinishedTask(task: reserved.task, rules: rules, ending: .revoked(.revoked)), reserved.message)
        }
    }

    /// Nothing starts any more, and ``run()`` ends when what runs has ended. What did not start goes back to its queue
    /// when the consumer is closed.
    func close() {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        pool.close()
        rateLimits.close()
        ready.close(discarding: true)
        if running.load(ordering: .sequentiallyConsistent) == 0 { ended.close() }
    }

    /// Waits until no task runs any more, after ``close()``. What follows from the last ones is not waited for.
    func end() async { await ended.next() }

    /// So many tasks run at a time from now on; what runs beyond that ends as it would.
    func resize(to count: Int) {
        pool.resize(to: count)
        ready.wakeAll()
    }

    // MARK: What is done

    /// Runs tasks until ``close()``.
    func run() async {
        await withTaskCancellationHandler {
            await pool.run { await self.run($0) }
        } onCancel: {
            interrupt()
            pool.cancel()
            // Those that have begun in between.
            interrupt()
        }
    }

    /// Those that run are about to be cancelled, because the worker ends.
    private func interrupt() {
        for entry in active.all { _ = entry.record.cancel(.shutdown) }
    }

    private func run(_ slot: Slot) async {
        while let reserved = await ready.next(unless: { pool.hasSurplus }), await take(reserved, slot) {}
    }

    /// What has become of a task that a slot took.
    private enum Run {
        /// It has not begun. Its message goes back, when the consumer is closed, or is somebody else's.
        case notBegun
        /// It has ended, perhaps because it was cancelled.
        case ended(FinishedTask, isCancelled: Bool)
        /// It has ended before its handler returned, and what follows from that is seen to.
        case wasEnded
    }

    /// Runs a task, if it may; whether the slot goes on. Apart from the slot's loop, so that what was read of a large
    /// body does not stay in memory until the slot has its next task.
    private func take(_ reserved: ReservedTask, _ slot: Slot) async -> Bool {
        let mayBeLarge = reserved.task.message.largestBodySize >= LargeBodyTurns.smallest
        let turn = mayBeLarge ? await largeBodies.next() : nil
        defer { turn?.end() }
        let rules = TaskRules(reserved.task, options, hasBackend: writer != nil)
        var message = reserved.message
        if rules.acksLate {
            switch runningLate.begin(reserved) {
            case .waits: return true
            case .isAnother: break
            case .begins:
                let attempt = TaskAttempt(reserved.task.request)
                message.whenSettled = { [self] in ready.push(contentsOf: runningLate.end(attempt)) }
            }
        }
        // What the broker gives to others must not run here as well.
        guard message.mayStart else {
            message.drop()
            return true
        }
        guard beginRunning() else { return false }
        switch await run(reserved.task, message, rules, turn, slot) {
        case .notBegun: endRunning()
        case .ended(let finished, let isCancelled):
            endRunning()
            await finisher.finish(finished, message, isIdle: !isCancelled && ready.isEmpty)
            return !isCancelled
        case .wasEnded:
            log.returned(reserved.task.request)
            return false
        }
        return true
    }

    /// Whether a task may start: not any more once the slots are closed, so that ``end()`` misses none.
    private func beginRunning() -> Bool {
        running.add(1, ordering: .sequentiallyConsistent)
        if !isClosed.load(ordering: .sequentiallyConsistent) { return true }
        endRunning()
        return false
    }

    /// A task runs no more, or is not waited for.
    func endRunning() {
        let left = running.subtract(1, ordering: .sequentiallyConsistent).newValue
        if left == 0, isClosed.load(ordering: .sequentiallyConsistent) { ended.close() }
    }

    /// Runs a task.
    ///
    /// - Parameter turn: to read its body, if that may be a large one.
    private func run(
        _ task: ReceivedTask, _ message: HeldMessage, _ rules: TaskRules, _ turn: LargeBodyTurn?, _ slot: Slot
    ) async -> Run {
        if Task.isCancelled { return .notBegun }
        var finished = FinishedTask(task: task, rules: rules, ending: .revoked(.revoked))
        if let reason = task.revocation(revoked, options.clock) {
            log.revoked(task.request, reason)
            finished.ending = .revoked(reason)
            return .ended(finished, isCancelled: false)
        }
        var bodySize = 0
        defer { LargeBodies.used(size: bodySize) }
        do throws(MessageError) {
            let payload = try TaskPayload(task.message, options.bodyLimits) {
                bodySize = $0
                LargeBodies.used(size: $0)
            }
            turn?.isRead(size: bodySize)
            finished.payload = payload
            if payload.hasSequel { finished.succession = try CanvasSuccession(payload) }
        } catch {
            finished.ending = .refused(error)
            return .ended(finished, isCancelled: false)
        }
        if let writer, let copy = ChordBodyCopy(task.request.headers) {
            let (begins, problem) = await writer.begins(copy)
            guard begins else {
                log.sentTwice(task.request, copy)
                message.finish(.acknowledge)
                return .notBegun
            }
            if let problem { finished.problems = [problem] }
            guard message.mayStart else {
                message.drop()
                return .notBegun
            }
        }
        // Once more, because what is acknowledged here does not come back.
        if Task.isCancelled { return .notBegun }
        // Before the acknowledgement: of a worker that ends with it, nothing else tells that the task was its own.
        log.started(task.request)
        if !rules.acksLate {
            guard message.acknowledgeEarly(task) else {
                log.notStarted(task.request)
                message.drop()
                return .notBegun
            }
            await confirmAcknowledgement(of: message, task)
        }
        if rules.storesResult, rules.tracksStart, let problem = await writer?.storeStarted(started(task.request)) {
            finished.problems.append(problem)
        }
        observers.observe(.started(task.request))
        let start = ContinuousClock.now
        let record = RunRecord(limits: timeLimits.limits(of: task, from: start))
        let context = TaskContext(
            request: task.request, queue: task.queue, environment: environment,
            payload: finished.payload?.chord == nil ? nil : finished.payload, record: record)
        let entry = ActiveTasks.Entry(
            task: task, message: message, payload: finished.payload, record: record, slot: slot, begin: start,
            isAcknowledged: !rules.acksLate, problems: finished.problems)
        active.begin(entry)
        if Task.isCancelled { _ = record.cancel(.shutdown) }
        // Whoever has revoked it in the meantime has not found it among those that run.
        if revoked.contains(task.request) {
            endRevoked(entry)
            return .wasEnded
        }
        let timers = record.limits.map { watch(entry, $0) }
        let outcome = await task.handler.outcome(
            context, finished.payload ?? TaskPayload(), observers.middleware, waited: task.receivedAt.map { start - $0 }
        )
        if let timers { stop(timers) }
        guard let legacy = record.end() else { return .wasEnded }
        finished.runtime = .now - start
        active.end(in: slot)
        log.ended(task.request, outcome, after: finished.runtime)
        if rules.acksLate, !message.isHeld { log.lost(task.request) }
        finished.take(legacy, bindsContext: !observers.middleware.isEmpty)
        finished.ending = .ran(outcome)
        return .ended(finished, isCancelled: legacy.cancellation != nil)
    }

    /// Waits until the broker has heard that a message was acknowledged which had come before: its task may be one that ends
    /// the whole process, and must not do so again and again. Of other messages the broker hears a moment later.
    ///
    /// Where the connection is lost before the broker has answered it may have heard of it, and the task runs: else perhaps
    /// nobody would run it.
    private func confirmAcknowledgement(of message: HeldMessage, _ task: ReceivedTask) async {
        guard task.request.delivery.isRedelivered else { return }
        if await !waitAtMost(Self.longestFlush, for: { await message.flush() }) { log.startedUnconfirmed(task.request) }
    }

    private func started(_ request: TaskRequest) -> StoredResult {
        StoredResult(
            TaskResult(
                id: request.id, state: .started,
                result: ["pid": .integer(Int(ProcessInfo.processInfo.processIdentifier)), "hostname": .string(name)],
                groupID: request.group, parentID: request.parentID),
            route: ReplyRoute(request))
    }
}
